"""Evaluation of written stories: five tasks, control rows, measures by theme, and one report of them all.

`texts`, `controls` and `writing` give stories; `distribution`, `fluency`, `diversity`, `memorisation`, `coherence`,
`entities`, `relevance`, `failures` and `latents` measure them; `judge` holds what is learnt from human stories to do
so; `scoring` puts the tables together, `page`, `plots` and `markdown` show them.
"""
