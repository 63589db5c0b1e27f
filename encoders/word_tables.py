"""Words of everyday English: names, numbers, verbs, openers; and how tables of words are written down."""

import re


def words(table: str) -> list[str]:
    return table.split()


def pairs(table: str) -> dict[str, list[str]]:
    """Reads `a=b` (both ways) and `a>b` (one way); commas separate entries, a phrase may hold spaces."""
    result: dict[str, list[str]] = {}
    for entry in filter(None, (part.strip() for part in table.replace("\n", ",").split(","))):
        left, right = re.split(r"[=>]", entry)
        result.setdefault(left, []).append(right)
        if "=" in entry:
            result.setdefault(right, []).append(left)
    return result


def groups(table: str) -> dict[str, list[str]]:
    """Each line is a set of words that exclude each other; every word may become any other of its line."""
    result: dict[str, list[str]] = {}
    for line in table.strip().splitlines():
        together = line.split()
        for word in together:
            result.setdefault(word, []).extend(other for other in together if other != word)
    return result


LOWERABLE = words("""
    He She They We It You The A An My His Her Their Our This That There Everyone Everybody Nobody
    Someone All Some Two Three Many Most Both Several Each Another No One
""")

MALE = words("""
    Ned Gus Hal Ivan Jared Blake Cole Cody Chuck Clark Curtis Dale Derrick Felix Garrett Gavin Gabe Hugh
    Jasper Joel Tom John Bob Sam Tim Joe Jim Dan Ben Max Jake Mike Matt Bill Fred Ted Jack Adam Alan
    Albert Alex Allen Andrew Andy Anthony Arnold Arthur Barry Bernard Billy Bobby Brad Brandon Brian
    Bruce Bryan Carl Charles Charlie Chris Chad Cory Craig Daniel Danny Dave David Dean Dennis Derek Don
    Donald Doug Drew Dylan Earl Ed Eddie Edward Eli Eric Ethan Evan Frank Gary George Gerald Greg Harold
    Harry Henry Howard Hank Ian Jacob James Jason Jeff Jeremy Jerry Jesse Jimmy Joey Johnny Jon Joseph
    Josh Joshua Juan Justin Karl Keith Ken Kenny Kevin Kyle Larry Lou Louis Lucas Luke Marcus Mark
    Martin Marvin Melvin Michael Nathan Neil Nick Noah Norman Oliver Oscar Patrick Paul Pete Peter Phil
    Philip Ralph Randy Ray Richard Rick Rob Robert Roger Ron Roy Russell Ryan Samuel Scott Sean Seth
    Simon Stan Stephen Steve Steven Terry Thomas Timmy Todd Tommy Tony Travis Trevor Tyler Victor
    Vincent Walter Wayne William Willie Zach Zack
""")
FEMALE = words("""
    Ana Ava Eve Ivy Kara Lena Lily Lola Bella Bonnie Callie Clarissa Cassie Camille Darla Ellie Esther
    Frances Gwen Mary Jane Sue Amy Anna Kate Jill Lucy Lisa Sarah Sara Emma Ella Beth Jen Jenny Abby
    Alice Alicia Allison Amanda Amber Andrea Angela Angie Ann Anne Annie Ashley Audrey Barbara Becky
    Betty Bianca Brenda Brittany Carla Carol Caroline Carrie Cathy Chelsea Cheryl Christina Christine
    Cindy Claire Clara Courtney Crystal Cynthia Daisy Dana Danielle Debbie Deborah Denise Diana Diane
    Donna Doris Dorothy Edna Eileen Elaine Elizabeth Ellen Emily Erica Erin Eva Evelyn Fiona Gina Gloria
    Hannah Heather Heidi Helen Holly Irene Jackie Janet Janice Jasmine Jean Jennifer Jessica Joan Joanna
    Josie Judy Julia Julie Karen Katie Kathy Katy Kayla Kelly Kim Kimberly Kristen Laura Lauren Leah
    Linda Lindsey Liz Lori Louise Lydia Maggie Mandy Margaret Maria Marie Marilyn Martha Megan Melanie
    Melissa Mia Michelle Molly Monica Nancy Natalie Nicole Nina Nora Olivia Pam Pamela Patricia Patty
    Paula Peggy Penny Rachel Rebecca Rita Rosa Ruth Sally Samantha Sandra Sandy Sharon Sheila Shelly
    Sherry Sofia Sophia Sophie Stacy Stephanie Susan Susie Suzy Tammy Tanya Tara Teresa Tiffany Tina
    Tracy Valerie Vanessa Vicky Victoria Wanda Wendy Yvonne Zoe
""")
# Known to be names, but no part of NAMES, whose names change into each other.
MORE_MALE = words("""
    Jay Nate Aaron Ricky Matthew Jackson Cal Shawn Brett Sal Carlos Ronnie Freddy Leo Lance Lenny Ike Francis Cameron
    Manny Liam Shane Abe Al Graham Timothy Troy Marco Glen
""")
MORE_FEMALE = words("""
    Allie Kay Jenna Ali Kia Ida Sasha Miranda Jessie Kelsi Lindsay Maya Jess Whitney Lilly Meg Madison Anita Marge Susy
    Tia Cara Carly Morgan Lynn Rhonda Lana Nell Leslie Stacey Aya Missy Lacy Kelsey Briana Marissa Ally Kylie Marcy
    Marsha Tori Janie Sadie Elena Shannon Deb Liza Maddie
""")
NAMES = {name: MALE for name in MALE} | {name: FEMALE for name in FEMALE}

NUMBERS = words("two three four five six seven eight nine ten eleven twelve")
TENS = words("twenty thirty forty fifty sixty seventy eighty ninety")

IRREGULAR_PASTS = dict(
    part.split("/")
    for part in words("""
    go/went get/got take/took see/saw come/came give/gave find/found tell/told know/knew think/thought
    buy/bought make/made keep/kept feel/felt eat/ate run/ran drive/drove win/won lose/lost meet/met
    leave/left hear/heard write/wrote bring/brought catch/caught teach/taught sell/sold pay/paid
    say/said speak/spoke break/broke choose/chose forget/forgot sleep/slept wear/wore sing/sang
    swim/swam drink/drank begin/began grow/grew fly/flew throw/threw fall/fell ride/rode hide/hid
    steal/stole wake/woke build/built send/sent spend/spent hold/held understand/understood sit/sat
    stand/stood become/became shoot/shot fight/fought feed/fed dream/dreamt draw/drew bite/bit blow/blew
    bend/bent lend/lent hang/hung dig/dug shake/shook sink/sank ring/rang tear/tore lead/led
""")
)
REGULAR_VERBS = words("""
    decide want need like love start try ask look call walk work play stop help talk move live arrive
    wait watch enjoy finish learn study realize notice open close pick turn show join agree refuse
    apologize laugh smile cry scream yell shout jump climb dance cook bake clean wash paint practice
    pass fail hope wish plan prepare order invite visit travel return save use trade repair plant pull
    push drop land hike fish search apply earn receive accept offer serve taste test complain thank hug
    kiss marry adopt train hunt share stay enter answer reply explain believe remember worry miss hate
    hurry rush trip slip crash park fill pour mix add carry pack order purchase attend graduate cheer
    celebrate relax rest check chase fix follow grab hand hire ignore injure improve borrow listen
    manage mention expect end create collect change choose deliver discover discuss dress end exercise
    experience fire gather guess happen head knock lick lift lock bark match own point pray promise quit
    raise reach recover release report rescue scare shop ski skip snap spot stare step struggle suggest
    surprise swallow sweat switch tie touch toss trust type unpack vote warn water wipe wonder wrap yawn
""")
# Not among REGULAR_VERBS, whose sentences are negated.
MORE_VERBS = words("""
    add adjust allow announce approach argue assume attack avoid beg behave blame block boil boast bounce breathe brush
    burn bury call calm cancel care cause cheat chew collapse comfort compete compliment confess confront consider
    contact continue convince count cover crack crawl cross damage dare decorate defend deliver demand deserve
    dial display donate download drip embarrass employ empty escape examine excuse explore express face
    fasten figure file float fold force freak frown gain gasp gaze giggle glance glare glue greet grill grin
    groan guard guide heal heat host hop inform inspect install instruct insist interview
    introduce lean locate lower march melt miss moan mount mow nod notify obtain organize panic
    paddle park participate pause pay peek peel perform phone photograph place please plead pour praise press
    pretend prevent print produce protect proceed punch punish question race reply realize recognize recommend recover
    refill register rehearse reject relate remain remind remove rent replace request research resign respond retire
    roll row ruin sail scold scoop scrape scratch scrub seal seem select settle sew shave shower sigh signal sip slap
    slice smell smoke snatch sneak sneeze sniff soak sob spill spray sprain sprint squeeze squirt stab staple
    stir stitch store strap stretch stroll stuff stumble suffer supply support survive suspect sway swerve tackle tape
    tease tempt text thank tickle tighten toast trace track transfer treat tremble trim tug turn twist type unlock
    unwrap update urge vacuum volunteer vomit vow wade wag wander warm wave weigh whine whisper whistle wink
    wrestle yank
""")
DOUBLED_GERUNDS = words("get run swim win sit cut put begin forget hit dig let set quit")
DOUBLING_VERBS = words("""
    stop plan drop hug trip slip grab pat ship chat shop skip snap spot step wrap beg drip hop nod scrub stab strap stir
    tug wag trim unwrap
""")
