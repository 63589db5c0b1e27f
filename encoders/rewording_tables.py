"""Patterns of what `corruptions.keep_meaning` puts in place of phrases and contractions."""

# Swaps that need a look at the neighbours; the replacement takes over the case of the first letter.
PHRASES: list[tuple[str, str]] = [
    (r"\bthe next (day|morning|week|month|year|night)\b", r"the following \1"),
    (r"\bthe following (day|morning|week|month|year|night)\b", r"the next \1"),
    (r"\bstarted (\w{3,}ing)\b", r"began \1"),
    (r"\bbegan (\w{3,}ing)\b", r"started \1"),
    (r"\bdid(?: not|n't) have any (money|food|friends|time|water|gas|luck|milk|energy)\b", r"had no \1"),
    (r"\bhad no (money|food|friends|time|water|gas|luck|milk|energy)\b", r"didn't have any \1"),
    (r"\b(was|were) (?:very|so) happy(?=\.$)", r"\1 delighted"),
    (r"\b(was|were) (?:very|so) sad(?=\.$)", r"\1 heartbroken"),
    (r"(?<=[a-z] )(?<!just )(?<!but )(?<!since )(?<!know )because (?!of\b|since\b)", r"since "),
    (r"^But,? (?=(?:he|she|they|we|it|the|his|her|my|their|I)\b)", r"However, "),
    (r"^However, (?=\w)", r"But "),
    (r"^Finally,? (?=\w)", r"At last, "),
    (r"^At last,? (?=\w)", r"Finally, "),
    (r"^Eventually,? (?=\w)", r"In the end, "),
    (r"^In the end,? (?=\w)", r"Eventually, "),
    (r"^Then,? (?=(?:he|she|they|we|I|the|it)\b)", r"After that, "),
    (r"\bso that (?=(?:he|she|they|we|I|it) (?:could|would)\b)", r"so "),
    (r"\bwent to sleep(?=[.,]| and\b)", r"fell asleep"),
    (r"\bfell asleep(?=[.,]| and\b)", r"went to sleep"),
    (r"\bwent to see (?=(?:his|her|my|their) )", r"visited "),
    (r"\bwoke up(?=[.,]| (?:and|early|late|to|in|at|with|from)\b)", r"awoke"),
    (r"\bcame back(?=[.,]| (?:and|to|from|with)\b)", r"returned"),
    (r"(?<!had )\benjoyed (?=the\b|it\b|his|her\b|my\b|their|\w+ing\b)", r"liked "),
    (r"(?<!has )(?<!have )(?<!had )\bhad to (?=\w{3})", r"needed to "),
    (r"\bneeded to (?=\w{3})", r"had to "),
    (r"(?<=\bthe )store(?=[.,]| (?:and|to|where|was|had|but|that|for)\b)", r"shop"),
    (r"(?<=\bthe )shop(?=[.,]| (?:and|to|where|was|had|but)\b)", r"store"),
    (r"\b(his|her|my|their) house(?=[.,]| (?:and|was|had|but|to|for|with|in)\b)", r"\1 home"),
    (r"\b(his|my|their) home(?=[.,]| (?:and|was|had|but|with)\b)", r"\1 house"),
    (r"\b(an?|the|his|her|my|their) small (?=\w{3})", r"\1 little "),
    (r"(?<=[a-z] )mad(?= at\b|\.$| that\b)", r"angry"),
    (r"(?<=[a-z] )angry(?= at\b|\.$| that\b)", r"mad"),
    (r"(?<=[a-z] )glad(?= (?:that|he|she|to|they|I|we)\b|\.$)", r"happy"),
    (r"(?<= was )happy(?= (?:that|to)\b)", r"glad"),
    (r"(?<=\bthe )street(?=[.,]| and| to| with)", r"road"),
    (
        r"(?<!how )(?<!so )(?<!too )(?<!as )(?<!very )(?<!the )(?<!his )(?<!her )(?<!my )(?<!great )(?<!good )(?<!not )"
        r"\bmany (?!years|thanks|ways|times)(?=\w+s\b)",
        r"a lot of ",
    ),
    (r"\bfound out (?=that|he|she|it|they|the\b)", r"learned "),
    (r"\bover and over\b", r"again and again"),
    (r"\bfor a while(?=[.,])", r"for some time"),
    (r"\bfor a long time(?=[.,])", r"for ages"),
    (r"\bhung out with\b", r"spent time with"),
    (r"\bhang out with\b", r"spend time with"),
    (r"\bpassed away\b", r"died"),
    (
        r"\b(he|she|they|mother|mom|father|dad|grandmother|grandfather|grandma|grandpa|man|woman|uncle|aunt|husband"
        r"|wife|dog|cat) died(?=\.$)",
        r"\1 passed away",
    ),
    (r"\bran away(?=\.$)", r"fled"),
    (r"\bgave up(?=\.$)", r"quit"),
    (r"\b(took|takes|take|taking) pictures\b", r"\1 photos"),
    (r"\b(took|takes|take|taking) a picture\b", r"\1 a photo"),
    (r"(?<=[a-z]), so (?=(?:he|she|they|we|I)\b)", r", and so "),
    (r"(?<=[a-z])(?<!yes)(?<!orry)(?<!yet), but (?=(?:he|she|they|we|I|it|the|his|her|my|their)\b)", r", yet "),
    (
        r"(?<=[a-z])(?<!nothing)(?<!anything)(?<!everything)(?<!none)(?<!all)(?<!one)"
        r"(?<!body)(?<!orry)(?<!yes)(?<!yet) but (?=(?:he|she"
        r""
        r"|they|we|I|it) \w+)",
        r", yet ",
    ),
    (r"\ball the (?=\w+s\b)(?!times\b|ways\b)", r"all of the "),
    (r"\ball of the (?=\w+s\b)", r"all the "),
    (r"\b(asked|wondered|asked (?:me|him|her|us|them)) if\b", r"\1 whether"),
    (r"(?<=[a-z]),? too(?=\.$)", r" as well"),
    (r"(?<=[a-z]),? as well(?=\.$)", r" too"),
    (r"^((?!.*(?:never|n't\b|\bnot\b|time and )).*[a-z] )again(?=\.$)", r"\1once more"),
    (r"\b(dog|cat|boy|girl|man|woman|puppy|kitten|friend|bird) named (?=[A-Z])", r"\1 called "),
    (
        r"\bthe whole (?=day|night|time|house|family|class|town|thing|world|team|trip|week|way\b)",
        r"the entire ",
    ),
    (
        r"\bthe entire (?=day|night|time|house|family|class|town|thing|world|team|trip|week|way\b)",
        r"the whole ",
    ),
    (
        r"\bhelped (me|him|us|them) (?=clean|get|find|make|move|fix|build|learn|buy|pick|carry"
        r"|cook|take|pack)",
        r"helped \1 to ",
    ),
    (
        r"(?<=[a-z] )(?<!to )(?<!would )(?<!could )(?<!not )(?<!n't )(?<!can )(?<!will )(?<!should )(?<!and )(?<!you )"
        r"(?<!him )(?<!her )(?<!them )(?<!me )put (it|them|the \w+|his \w+|my \w+) (?=in the|on the|in a\b|on a\b"
        r"|in his|in her|on his|on her|into)",
        r"placed \1 ",
    ),
    (r"\b(was|were|is|are|be|been|too|very|really|got|became|it) hard to\b", r"\1 difficult to"),
    (r"\bdifficult to\b", r"hard to"),
    (r"\ba new (?=(?:car|bike|phone|computer|laptop|tv|house|pair|dress|shirt|coat|toy|game)\b)", r"a brand new "),
    (r"\ba brand new\b", r"a new"),
    (
        r"\bgot (?=tired|angry|sick|scared|bored|upset|mad|nervous|worried|hungry)",
        r"became ",
    ),
    (r"\bbecame (?=tired|angry|sick|scared|bored|upset|nervous|worried|hungry)", r"got "),
    (
        r"\b(his|her|my|the|a) car\b(?! (?:wash|park|show|dealership|accident|seat|crash|keys|door|trip|ride|dealer))",
        r"\1 vehicle",
    ),
    (r"\bthere were many\b", r"there were lots of"),
    (r"\ba great (?=time|day|idea|job|night|meal|movie|game|year|trip|party)", r"an excellent "),
    (r"(?<!not )(?<!n't )\bvery good\b", r"excellent"),
    (r"\bin a hurry\b", r"in a rush"),
    (r"\bhad fun(?=\.$)", r"had a good time"),
    (r"\bhad a great time\b", r"had a lot of fun"),
    (r"\bhad a good time\b", r"had fun"),
    (
        r"\b(said|thought|knew|realized|hoped|believed|noticed|decided|explained) that (?=(?:I"
        r"|he|she|they|we|it|his|my|their)\b)",
        r"\1 ",
    ),
    (r"\b(told|informed) (me|him|her|us|them) that (?=(?:I|he|she|they|we|it|his|my|their)\b)", r"\1 \2 "),
    (
        r"\b(said|knew|realized|thought|hoped|believed|noticed) (?=(?:I|he|she|they|we) \w+|(?:the|his|my|their) \w+"
        r" (?:was|were|had|did|could|would|is|are|has)\b)",
        r"\1 that ",
    ),
    (
        r"\b(told) (me|him|her|us|them) (?=(?:I|he|she|they|we) \w+|(?:the|his|my|their) \w+"
        r" (?:was|were|had|did|could|would|is|are|has)\b)",
        r"\1 \2 that ",
    ),
    (
        r"\b(was|were|is|are) (sure|glad|happy|afraid|worried|sad|upset|excited) that (?=(?:I|he"
        r"|she|they|we|it)\b)",
        r"\1 \2 ",
    ),
    (r"(?<!have )\bgot a (?=call|letter|phone call)", r"received a "),
    (r"(?<!have )\bgot (an?|the) (promotion|present|gift)\b", r"received \1 \2"),
    (r"(?<!was )(?<!were )(?<!been )\breceived (?=(?:an?|the|his|her|my|some) )", r"got "),
    (
        r"\bput on (?=(?:his|her|my|their) (?:coat|shoes|jacket|boots|pants|socks|gloves|shirt|sweater|dress)\b)",
        r"pulled on ",
    ),
    (r"\bwent home\b", r"headed home"),
    (
        r"\bwent (?=to (?:the|his|her|my|a) (?:store|shop|market|mall|park|beach|kitchen|gym|zoo|bank|library|airport"
        r"|restaurant|pool)\b)",
        r"headed ",
    ),
    (r"\bloved (?=his|her\b|my|their|the\b|it\b|\w+ing\b)", r"adored "),
    (r"(?<!both of )\b(his|her|my|their) parents\b(?!')", r"\1 mother and father"),
    (r"\b(his|her|my|their) (?:mom|mother) and (?:dad|father)\b", r"\1 parents"),
    (
        r"\b(noticed|heard|realized|knew|thought|saw|believed|hoped|felt|discovered|learned) (?=(?:[A-Z][a-z]+|there"
        r"|someone|something|everyone|nobody) (?:was|were|had|did|could|would|is|has)\b)",
        r"\1 that ",
    ),
    (
        r"\b(felt|saw|heard|discovered|learned|promised|agreed|swore) (?=(?:he|she|they|we|it) (?:was|were|had|could"
        r"|would)\b)",
        r"\1 that ",
    ),
    (
        r"\b(heard|felt|saw|promised|agreed|learned) that (?=(?:he|she|they|we|it|there) (?:was|were|had|could"
        r"|would)\b)",
        r"\1 ",
    ),
    (
        r"\b(was|were|is|are) (sure|glad|happy|afraid|worried|sad|upset|excited) (?=(?:I|he|she|they|we|it) \w+)",
        r"\1 \2 that ",
    ),
    (r"\bas soon as (?=(?:I|he|she|they|we|it|the)\b)", r"the moment "),
    (r"\b(I|he|she|it) managed to\b", r"\1 was able to"),
    (r"\b(we|they|you) managed to\b", r"\1 were able to"),
    (
        r"\b(he|she|they|mom|dad|mother|father|parents|boss|teacher) let (me|him|us|them) (?!go\b|down\b|in\b"
        r"|out\b|off\b|know\b|be\b|alone\b)(?=[a-z]{3})",
        r"\1 allowed \2 to ",
    ),
    (r"(?<!was )(?<!were )(?<!been )(?<!being )\basked for (?=an?\b|the\b|his\b|her\b|some\b|more\b)", r"requested "),
    (r"\b(was|were|felt|is|are|so|very) embarrassed(?=[.,]| (?:of|that)\b)", r"\1 ashamed"),
    (r"\b(was|were|is|are) (?:surprised|amazed)(?=[.,]| (?:to|that|when|at|by|how)\b)", r"\1 astonished"),
    (
        r"\bnoticed (?=(?:an?|some|two|several) (?!(?:\w+ ){0,2}(?:smells?|sounds?|noises?|pain|changes?|differences?"
        r"|lot|patterns?|feeling|problems?|lump|lack|leak|odor|bit)\b))",
        r"spotted ",
    ),
    (
        r"\bcalled (?=(?:his|her|my|their|the) (?:mom|mother|dad|father|friend|sister|brother|boss|wife|husband|police"
        r"|doctor|parents|landlord|bank)[.,])",
        r"phoned ",
    ),
    (r"\bsaw (?=an? (?!movie\b|film\b|doctor\b|dentist\b|therapist\b|lawyer\b|show\b|play\b|lot\b))", r"spotted "),
    (r"\bstopped (?=(?:smok|drink|work|eat|play|go|talk|buy|call|see)\w*ing\b)", r"quit "),
    (r"\b(?:wasn't|weren't|was not|were not) able to\b", r"couldn't"),
    (
        r"\b(I|he|she|it) (?:couldn't|could not) (?!help|wait|believe|stand|be\b|but\b|care|agree|stop|possibl|happen"
        r"|get\b)(?=[a-z]{3})",
        r"\1 was unable to ",
    ),
    (r"\bwas unable to\b", r"couldn't"),
    (r"\bthe (?-i:US|United States)(?=[.,!]| (?:and|to|for|when|in|with)\b)", r"America"),
    (r"\bmore than (?=\d|two|three|four|five|six|ten|twenty|a hundred|an hour|a year|half\b)", r"over "),
    (
        r"\b(for|in|took|cost|paid|lasted|spent|is|was) over (?=\d+ |two |three |four |five |ten |twenty "
        r"|a hundred|an hour|a year)",
        r"\1 more than ",
    ),
    (
        r"\b(for|in|took|lasted|cost|paid|after|drove|walked|waited) about (?=(?:\d+|two|three|four|five|six|ten"
        r"|twenty|an) (?:hours?|minutes|days|weeks|months|years|miles"
        r"|dollars|people)\b)",
        r"\1 around ",
    ),
    (
        r"\b(for|in|took|lasted|cost|paid|after|drove|walked|waited) around (?=(?:\d+|two|three|four|five|six|ten"
        r"|twenty|an) (?:hours?|minutes|days|weeks|months|years|miles"
        r"|dollars|people)\b)",
        r"\1 about ",
    ),
    (r"\b((?:lov|lik|enjoy|miss|hat|help)(?:e|es|ed|ing|s)?\b.*) a lot(?=\.$)", r"\1 very much"),
    (r"(?<=[a-z] )(?<!you )very much(?=\.$)", r"a lot"),
    (r"\boutside of (?=the|his|her|my|their)", r"outside "),
    (r"^One (morning|evening|afternoon|night),? (?=\w)", r"On one \1, "),
    (r"\bto the (store|shop|market|mall)(?= to (?:buy|get)\b)", r"to the \1 in order"),
    (r"(?<=[a-z] )to see if\b", r"to find out whether"),
    (r"\bone of his friends\b", r"a friend of his"),
    (r"\bone of my friends\b", r"a friend of mine"),
    (r"\bone of her friends\b", r"a friend of hers"),
    (r"\bfor the first time(?=\.$)", r"for the very first time"),
    (
        r"(^\w+|\b(?:I|he|she)) was (?:really |very |so )?(tired|excited|nervous|proud|upset|scared|sad|happy"
        r"|angry|hungry"
        r"|worried|thrilled)(?=\.$)",
        r"\1 felt \2",
    ),
    (
        r"(^\w+|\b(?:I|he|she)) felt (?:really |very |so )?(tired|excited|nervous|proud|upset|scared|sad|happy"
        r"|angry|hungry"
        r"|worried)(?=\.$)",
        r"\1 was \2",
    ),
    (r"\bat (his|her|my|their) (?:house|home)\b", r"at \1 place"),
    (r"(\w+ \w+ \w+ )every day(?=\.$)", r"\1daily"),
    (r"\blots of people\b", r"many people"),
    (
        r"(?<!how )(?<!so )(?<!too )(?<!as )(?<!very )(?<!the )(?<!great )(?<!good )(?<!not )\bmany people\b",
        r"lots of people",
    ),
    (r"\ba little(?=\.$| (?:tired|sad|nervous|scared|worried|upset|better|more|late|later)\b)", r"a bit"),
    (r"\ba bit(?=\.$| (?:tired|sad|nervous|scared|worried|upset|better|more|late|later)\b)", r"a little"),
    (r"(?<!the )\bnext to (?=(?:the|him|her|me|them|his|my|a)\b)", r"beside "),
    (r"\bon (?:a )?vacation\b", r"on holiday"),
    (r"^Suddenly,? (?=\w)", r"All of a sudden, "),
    (r"^All of a sudden,? (?=\w)", r"Suddenly, "),
    (
        r"\bbig (?=(?:house|dog|tree|box|bag|truck|boat|pot|cat|fish|egg|room|yard|family|crowd|pile|rock|bowl"
        r"|plate|hole"
        r"|city|park|field|cake|bear|spider)\b)",
        r"large ",
    ),
    (r"\ball of (his|her|my|their) (?=\w+s\b)", r"all \1 "),
    (r"\ball (his|her|my|their) (?=\w+s\b)", r"all of \1 "),
    (r"\bboth of (?=(?:them|us)\b)", r"the two of "),
    (r"\bhalf of (?=the|his|her|my|their)", r"half "),
    (r"\bdid (?:really |very )?well on\b", r"did a good job on"),
    (r"\bcame (?:right |straight )?home from\b", r"got back from"),
    (r"\bgot back from\b", r"came home from"),
    (r"\bturned out to be\b", r"proved to be"),
    (r"\btook (?=(?:him|her|me|them|us) to the\b)", r"brought "),
    (r"\bbrought (?=(?:him|her|me|them|us) to the\b)", r"took "),
    (r"\bthe rest of the (day|night|week|year|time)\b", r"the remainder of the \1"),
    (r"\bwent to bed\b", r"turned in"),
    (r"\bmade a decision\b", r"decided"),
    (r"\bhad no idea\b", r"did not know"),
    (r"\ball the time\b", r"constantly"),
    (
        r"(?<!or )(?<!to )(?<!and )(?<!-)(?<!of )(?<!the )(?<!^)\b(two|three|four|five|six|seven|eight|nine"
        r"|ten) (?!(?:hours|years|minutes|feet) and)(?=(?:days|weeks|months|years|hours"
        r"|minutes|miles|dollars|times|people|kids|children|pounds|friends|dogs|cats|eggs|books|cars|boxes|pieces"
        r"|slices"
        r"|feet|inches|cups|tickets|pairs|games|classes|shirts|cookies|puppies|kittens|girls|boys|bags|bottles)\b)",
        "{digits}",
    ),
    (r"(?<![\w$])\$(\d+)(?=\.$|, | (?:for|to|from|on|in|and|at|but)\b)", r"\1 dollars"),
    (r"(?<![\d.,:$-])(?<!or )(?<!to )(?<!and )(?<!No )(?<!^)\b([2-9]|10) (?=[a-z]+s\b)", "{words}"),
]

CONTRACTIONS: list[tuple[str, str]] = [
    (r"\b(did|was|were|is|are|do|does|could|would|should|had|have|has) not\b", r"\1n't"),
    (
        r"(?<=\w )(did|was|were|is|are|do|does|could|would|should|had|have|has)n't\b(?! (?:I|you|he"
        r"|she|it|we|they|the)\b)",
        r"\1 not",
    ),
    (r"\b(?:cannot|can not(?! only\b))\b", r"can't"),
    (r"(?<=\w )can't\b(?! (?:I|you|he|she|it|we|they)\b)", r"cannot"),
    (r"\bwill not\b", r"won't"),
    (r"(?<=\w )won't\b(?! (?:I|you|he|she|it|we|they)\b)", r"will not"),
    (r"\bI am (?=\w)", r"I'm "),
    (r"\bI'm (?=\w)", r"I am "),
    (r"(?<!')\b(we|they|you) are (?=\w)", r"\1're "),
    (r"\b(we|they|you)'re (?=\w)", r"\1 are "),
    (r"\b(I|we|they|you|he|she|it)'ll (?=\w)", r"\1 will "),
    (r"\b(I|we|they|you|he|she) will (?=[a-z])", r"\1'll "),
    (r"\b(I|we|they|you)'ve (?=\w)", r"\1 have "),
    (r"\b(I|we|they|you) have (?=been|never|always|seen|had|got|done)", r"\1've "),
    (r"\b(he|she|it|that|there)'s (?=an?\b|the\b|not\b|so\b|very\b|really\b|\w+ing\b)", r"\1 is "),
    (r"\b(he|she|it|that|there) is (?=an?\b|the\b|not\b|so\b|very\b|really\b|\w+ing\b)", r"\1's "),
    (r"\bit is (?=(?:sunny|rainy|cloudy|windy|snowy|warm|cold|hot|dark|cool)\b)", r"it's "),
    (r"\blet's\b", r"let us"),
    (
        r"\b(he|she|I|they|we) had (?=(?:been|never|always|forgotten|gone|lost|made|done|found|seen|won)\b)",
        r"\1'd ",
    ),
    (r"\b(he|she|I|they|we) would (?=(?:have|be|never|always|go|get|like)\b)", r"\1'd "),
    (
        r"\b(he|she|I|they|we) had (?=(?:taken|given|eaten|told|come|become|started|bought|heard|written|spent|driven"
        r"|fallen|grown|met|gotten|wanted|worked|tried|planned|decided|saved|asked|invited|ordered|moved|stopped"
        r"|missed"
        r"|dropped|waited|agreed|learned|finished|forgot|broken (?:his|her|my|the)|won|passed|used|met|also|already"
        r"|finally|recently)\b(?! (?:money|enough|an?)\b))",
        r"\1'd ",
    ),
    (
        r"(?<!how )(?<!what )\b(he|she|I|they|we) would (?=(?:make|take|see|buy|come|give|find|tell|lose|win|try"
        r"|need|do"
        r"|play|eat|work|feel|keep|help|wait|stay|start|ask|look|leave|miss|love|rather|meet|pay|run|die|become|wear"
        r"|sing|teach|learn|use|call|walk|stop|turn|visit|bring|cook|enjoy|watch|drive|sit|live|move|spend|save)\b)",
        r"\1'd ",
    ),
    (
        r"(?<!what )(?<!how )(?<!where )(?<!who )(?<!when )(?<!as )(?<!than )\b(he|she|it) is (?=(?:now|never"
        r"|always|going"
        r"|very|too|happy|in|on|at|afraid|sad|all|still|still|happy|excited|able|ready|sick|late|tired|hard|my|his|her"
        r"|about|also|almost|only|sure|good|glad|upset|hungry|married|from)\b)",
        r"\1's ",
    ),
    (
        r"\b(he|she|it) has (?=(?:been|gone|lost|become|gotten|never \w+ed|always \w+ed|decided|started|made a)\b)",
        r"\1's ",
    ),
    (r"\bwho is (?=\w)", r"who's "),
    (r"\b(he|she|I|they|we)'d (?=(?:been|forgotten|gone|lost|made|done|found|seen|won)\b)", r"\1 had "),
    (r"\b(he|she|I|they|we)'d (?=(?:have|be|go|get|like)\b)", r"\1 would "),
]
