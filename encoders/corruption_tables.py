"""What `corruptions.change_meaning` puts in place of words."""

from .word_tables import groups, pairs

ANTONYMS = pairs("""
    happy=sad, happily=sadly, happier=sadder, glad>upset, excited>bored, excited to>reluctant to
    excited about>bored with, thrilled>disappointed, delighted>disappointed, proud=ashamed, angry>calm
    angry at>pleased with, angry with>pleased with, mad at>pleased with, upset>pleased, scared>calm
    scared of>fond of, scared to>eager to, afraid>calm, afraid of>fond of, afraid to>eager to
    nervous=confident, worried>relaxed, tired>rested, tired of>fond of, exhausted>rested, hungry>full
    sick>healthy, sick of>fond of, healthy=unhealthy, strong=weak, rich=poor, wealthy>poor, old=new
    years old>months old, year old>month old, how old>how tall, older=younger, young>old, big=small
    bigger=smaller, large=tiny, huge=tiny, tall>short, taller=shorter, long=short, as long as>as soon as
    good=bad, better=worse, best=worst, great=terrible, wonderful=terrible, amazing=awful, nice>mean
    beautiful=ugly, clean=dirty, hot=cold, caught a cold>caught a fish, had a cold>had a headache, warm=cool
    wet=dry, fast=slow, quickly=slowly, easy=hard, worked hard>worked little, difficult=easy, easily>barely
    early=late, earlier=later, cheap=expensive, safe=dangerous, loud=quiet, loudly=quietly, funny>boring
    had fun>had a bad time, was fun>was boring, delicious=disgusting, sweet=bitter, smart=stupid
    lucky=unlucky, luckily=unfortunately, fortunately=unfortunately, popular=unpopular
    successful=unsuccessful, surprised>unimpressed, shy=outgoing, lazy=hardworking, rude=polite, heavy>light
    empty=full, bought=sold, buy=sell, buying=selling, won=lost, win=lose, winning=losing, got lost>got rich
    was lost>was at home, loved=hated, love=hate, loves=hates, liked=disliked, likes=dislikes
    liked to=hated to, likes to=hates to, enjoyed=hated, found a=lost a, found the=lost the
    found his=lost his, found her=lost her, found my=lost my, find a=lose a, find the=lose the
    passed the=failed the, passed his=failed his, passed her=failed her, passed all>failed all
    remembered=forgot, remember=forget, laughed=cried, laughing=crying, smiled=frowned, arrived>left
    joined>left, accepted=rejected, agreed to=refused to, agreed with>disagreed with, started=stopped
    start>stop, began>stopped, opened=closed, open the=close the, gave him>denied him, gave her>denied her
    gave me>denied me, pushed=pulled, increased=decreased, gained>lost, saved=wasted, saved up>spent
    save=waste, hired=fired, allowed>forbade, helped>ignored, fixed>broke, fix>break, destroyed=built
    borrowed=lent, always=never, often=rarely, sometimes>never, everyone=nobody, everybody>nobody
    everything=nothing, morning=evening, day=night, at night>in the morning, today=yesterday, before=after
    looked after>ignored, first>last, more=less, most>least, many>few, a few>a lot of, lots of>hardly any
    a lot of>hardly any, much>little, all of>none of, inside=outside, upstairs=downstairs, near>far from
    mother=father, mom=dad, parents>grandparents, wife=husband, girlfriend=boyfriend, daughter=son
    sister=brother, sisters=brothers, aunt=uncle, grandmother=grandfather, grandma=grandpa, girl=boy
    girls=boys, man=woman, men=women, niece=nephew, king=queen, boss=assistant, friend=enemy
    friends=enemies, impressed>bored, together>separately, married=divorced, decided to>refused to
    wanted to>refused to, tried to>refused to, was able to>was unable to, were able to>were unable to
    caught>missed, learned to>forgot how to, picked up>dropped, put on>took off, turned on=turned off
    woke up>fell asleep, fell asleep>woke up, came back>went away
""")

ALTERNATIVES = groups("""
    Monday Tuesday Wednesday Thursday Friday Saturday Sunday
    January February April June July September October November December
    spring summer autumn winter
    dog cat rabbit hamster parrot
    dogs cats rabbits hamsters parrots
    red blue green yellow purple white black
    car truck van motorcycle bus
    coffee tea milk juice lemonade
    apple banana peach pear
    apples bananas peaches pears
    pizza soup pasta salad chicken
    beach park zoo mall library museum
    kitchen bedroom garage basement attic
    doctor dentist lawyer teacher
    football basketball baseball soccer tennis hockey
    guitar piano violin trumpet
    breakfast lunch dinner
    week month year
    weeks months years
    minutes hours days
    cake pie
    shirt dress jacket sweater hat
    restaurant bakery bar
    book movie song
    phone laptop camera wallet
    arm leg knee shoulder
    Paris London Chicago Boston Miami Seattle
    Florida California Texas Ohio Alaska
    cookies brownies muffins
    rain snow
    bike skateboard scooter
    birthday wedding graduation
    math science history art
""")
