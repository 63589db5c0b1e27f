"""Words that the rules of `reordering` and `restructuring` look up: times, persons, and what has no fixed order."""

from .word_tables import words

LATE_TIME = (
    r"yesterday|today|this morning|this year|this summer|this week|last (?:night|week|month|year"
    r"|summer|winter|weekend)|one (?:day|night|"
    r"morning|evening|afternoon)|that (?:day|night|morning|evening|afternoon|year|summer)"
    r"|the (?:next|following) "
    r"(?:day|morning|week|month|year|night)|every (?:day|night|morning|week|year|summer|weekend)"
    r"|finally|eventually"
    r"|on (?:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)|after (?:school|work"
    r"|lunch|dinner|class|that)"
    r"|at (?:night|lunch|dinner|midnight|noon)|in the (?:morning|evening|afternoon|end)"
    r"|(?:a few|two|three|four|several) (?:days|weeks|months|years|hours|minutes) (?:later|ago)"
    r"|an hour later|a (?:week|month|year|day) later|later that (?:day|night|evening)"
    r"|for (?:years|weeks|months|hours|days)"
    r"|after (?:a while|a few (?:days|weeks|hours|minutes|months|years))|at the (?:party|store"
    r"|mall|park|zoo|restaurant|game|beach)"
)

# Which time a leading phrase names that does not go to the front so easily.
EARLY_TIME = (
    r"at (?:school|work|home|first|the (?:hospital|airport|beach|pool|lake|museum|theater|concert|gym|library|bar))"
    r"|in (?:high school|middle school|elementary school|college|class)|all day|for (?:dinner|breakfast|lunch"
    r"|Christmas|Halloween|(?:his|her|my|their) birthday)|in the (?:past|future|garage|kitchen|living room)"
)
# Which goes to the front where no infinitive stands before it.
LOOSE_TIME = (
    r"at the end of the (?:day|week|month|year|night|game|season|semester|show|party)|on the way (?:home|there|back"
    r"|to (?:work|school))|on (?:his|her|my|their) way (?:home|to (?:work|school))|in (?:19|20)\d\d"
    r"|during the (?:night|day|summer|winter|game|party|movie|show|week|storm|trip|ride|test|class)"
    r"|over the (?:summer|weekend|winter|years)|last (?:Christmas|spring|fall|Halloween|Thanksgiving)"
    r"|on (?:Christmas|Halloween|Thanksgiving)(?: day| eve| morning| night)?|as a (?:child|kid)"
    r"|in the middle of the night|this weekend|one time"
    r"|on (?:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday) (?:morning|afternoon|evening|night)"
    r"|(?:after|before) (?:the|his|her|my|their) (?:game|movie|party|show|class|meal|concert|wedding|meeting|shower"
    r"|lesson|interview|test|race|performance|trip|funeral|storm)|before (?:bed|school|work|dinner|class)"
)

STREETS = words("street road highway cliff roof driveway hill corner path stairs lane aisle hallway block mountain")
TIMES = words("day week month year night morning afternoon evening hour time moment")
MOVABLE_ADVERBS = words("""
    soon suddenly finally eventually immediately quickly slowly recently sometimes usually luckily fortunately
    unfortunately sadly
""")
# What a clause may begin with that no later pronoun of a person stands for.
SINGLE_EVENTS = words("""
    day bell phone alarm game movie storm rain food pizza time party show weekend sun bus train class results door power
    lights light bill package concert week month test race music timer cake dinner snow weather car mail
    plane doorbell ride trip meeting oven smoke fire water
""")
MANNERS = words("""
    carefully slowly quickly quietly gently angrily happily nervously calmly politely loudly immediately excitedly
    patiently anxiously eagerly proudly softly silently gladly hastily frantically
""")
PERSONS = (
    dict.fromkeys(words("man boy dad father brother husband son uncle grandfather grandpa boyfriend nephew"), "he")
    | dict.fromkeys(
        words("woman girl mom mother sister wife daughter aunt grandmother grandma girlfriend niece"), "she"
    )
    | dict.fromkeys(words("kids children friends parents boys girls men women police neighbors students"), "they")
    | dict.fromkeys(words("dog cat puppy kitten bird car"), "it")
)
ANYONE = words("""
    friend boss teacher doctor neighbor coach cousin manager owner officer waiter driver customer coworker baby man one
""")
BASE_TOO = {"read", "put", "hit", "cut", "set", "let", "quit"}  # pasts that may go with an earlier `to` or `would`
HOLDS_CLAUSE = set(
    words("""
    said thought knew felt hoped realized saw heard told wished decided noticed made let watched believed figured found
    had got wanted helped
""")
)
ACTIVITIES = words("""
    waited worked lived played studied practiced walked talked slept cried searched looked trained stayed drove ran
    argued dated swam hiked danced read fished wandered
""")
# Words whose pairs have no fixed order.
STATES = words("""
    tired hungry excited nervous sad happy angry scared upset cold wet dirty dark quiet sick lonely confused
    embarrassed frustrated proud relieved surprised worried bored thirsty sore dizzy funny kind nice friendly smart
    pretty beautiful delicious tasty fresh warm soft fluffy old ugly expensive boring loud rude mean lazy shy thin tall
    strong healthy shocked hurt afraid frightened anxious ashamed exhausted weak pale messy smelly cute sweet hot
    sunny windy rainy humid clean empty broken crowded noisy stressed depressed heartbroken playful brave clever
    grateful thankful furious miserable comfortable cozy fun interesting painful scary dangerous
""")
FREE_NOUNS = words("""
    milk eggs bread butter cheese apples oranges bananas grapes carrots onions tomatoes lettuce potatoes cookies cake
    pizza soda chips candy popcorn juice coffee tea water fruit vegetables meat chicken beef pasta soup salad flour
    sugar chocolate toys books games clothes shoes shirts pants dresses jewelry flowers balloons food drinks snacks
    blankets pillows towels movies music friends family neighbors cousins parents teachers aunts uncles dogs cats birds
    horses cows pigs chickens fish rabbits paint paper pencils pens tables chairs cars trucks bikes books magazines
    math science history english art football basketball baseball soccer tennis swimming fishing hiking camping
    running cooking reading painting singing dancing drawing writing mushrooms peppers pepperoni strawberries
    blueberries peaches cherries muffins donuts hamburgers sausage pancakes waffles sandwiches roses hats gloves scarves
    socks coats boots sweaters cards stickers crayons markers rocks sticks leaves trees bushes sand shells gold silver
""")
PARTICLE_VERBS = {
    verb: particles.split()
    for verb, particles in {
        "picked": "up out",
        "put": "on away down",
        "turned": "on off down up",
        "took": "off out down",
        "threw": "away out",
        "gave": "back away",
        "cleaned": "up out",
        "set": "up",
        "filled": "up out",
        "handed": "out in back over",
        "cut": "off down up",
        "brought": "back in",
        "woke": "up",
        "blew": "out up",
        "tore": "up down",
        "used": "up",
        "wrote": "down",
        "knocked": "over down",
        "packed": "up",
        "locked": "up",
        "paid": "off back",
        "called": "off back",
        "cheered": "up",
        "tried": "on out",
        "checked": "out",
        "dropped": "off",
        "pulled": "out off",
        "folded": "up",
        "wrapped": "up",
        "opened": "up",
        "warmed": "up",
        "heated": "up",
        "washed": "off",
        "wiped": "off up",
    }.items()
}
DATIVE_TO = words("gave sent showed handed offered lent brought sold taught give send show lend bring sell teach")
DATIVE_FOR = words("bought baked cooked built ordered buy bake cook build")
GIVEN_IDIOMS = words("""
    hug kiss ride call look chance try break bath haircut lift shot hand headache raise ticket grade time lesson
    warning discount idea scare treatment checkup tour bit lot favor creeps eye cold smile fright door piece thought
    luck joy wave nod push kick slap pat glance wink minute second rest credit boost
""")
