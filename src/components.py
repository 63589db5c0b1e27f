"""An encoder or a decoder on its own, which takes or gives texts where its model's tokenizer is known."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from diffusers.models.modeling_utils import ModelMixin

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

TOKENIZER = "tokenizer"


class TextComponent(ModelMixin):
    """A part of a model that `from_pretrained` finds by the model's name too, with the tokenizer saved beside it.

    Attributes:
        part: its folder in a saved model.
        tokenizer_folder: where the tokenizer is, if anywhere.
    """

    part: str
    tokenizer_folder: Path | None = None
    _tokenizer: "PreTrainedTokenizerFast | None" = None

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | Path, **options: Any) -> Self:
        """As in `diffusers`, and also a bundled name or a folder of a whole model, whose part of this kind is taken.

        Raises:
            FileNotFoundError: it is neither a folder, nor bundled, nor a hub name.
            OSError: there is no such part; for a hub name, give `subfolder` or use `RepresentationPipeline`.
        """
        from .pipelines.loading import resolve

        folder = Path(resolve(pretrained_model_name_or_path))
        if folder.is_dir() and not (folder / "config.json").is_file() and (folder / cls.part / "config.json").is_file():
            options.setdefault("subfolder", cls.part)
        model = super().from_pretrained(str(folder), **options)
        own = folder / (options.get("subfolder") or "")
        beside = own.resolve().parent / TOKENIZER
        model.tokenizer_folder = beside if own.is_dir() and beside.is_dir() else None
        return model

    @property
    def tokenizer(self) -> "PreTrainedTokenizerFast":
        """The tokenizer saved beside this part, loaded when it is first needed.

        Raises:
            ValueError: there is none.
        """
        if self._tokenizer is None:
            if self.tokenizer_folder is None:
                raise ValueError(
                    f"this {type(self).__name__} has no tokenizer beside it, which texts need; load it with "
                    "from_pretrained from the folder of a whole model, or use RepresentationPipeline"
                )
            from .pipelines.data import load_tokenizer

            self._tokenizer = load_tokenizer(self.tokenizer_folder)
        return self._tokenizer
