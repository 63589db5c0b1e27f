"""Words and phrases that stand for each other wherever they occur; see `corruptions.keep_meaning`."""

from .word_tables import pairs

SYNONYMS = pairs("""
    mom=mother, moms=mothers, dad=father, dads=fathers, grandma=grandmother, grandpa=grandfather
    kids=children, guy>man, guys>men, lady>woman, ladies>women, folks>people, pal>friend, pals>friends
    buddy>friend, buddies>friends, physician>doctor, cop>police officer, cops>police officers
    bought=purchased, buy>purchase, buying=purchasing, shouted=yelled, shouting=yelling, screamed>yelled
    screaming>yelling, repaired>fixed, repairing>fixing, repair>fix, sobbed>cried, sobbing>crying
    replied>answered, adored>loved, ended up=wound up, showed up>turned up
    threw away>threw out, throw away>throw out, got home=arrived home, went back to=returned to
    tried to=attempted to, trying to=attempting to, try to=attempt to, decided to=chose to
    decide to=choose to, started to=began to, was able to>could, were able to>could, in order to>to
    looked for=searched for, looking for=searching for, look for>search for, took place>happened
    figured out>worked out, come back>return, ensured that>made sure that
    picked out>chose, assisted>helped, desired>wanted
    headed to>went to, resided>lived
    began to cry>burst into tears, large>big, larger>bigger, largest>biggest, huge=enormous, tiny=very small
    scared=frightened, furious>very angry, clever=smart, delicious=tasty
    terrible=awful, horrible=terrible, scary=frightening, amazing=wonderful, weird=strange, wealthy>rich
    gross>disgusting, gorgeous>beautiful, difficult>hard, nervous=anxious, ecstatic>overjoyed
    exhausted>very tired, unhappy>sad, fantastic>wonderful, elderly>old, intelligent>smart, lovely>beautiful
    yummy>tasty, excited>thrilled, unwell>sick, quickly=rapidly, immediately=right away
    instantly=at once, nearly=almost, maybe=perhaps, rarely=seldom, frequently=often, everyone=everybody
    someone=somebody, anyone=anybody, until=till, although>though, beside>next to
    lots of=a lot of, several>a few, afterwards=after that, nowadays>these days, every day=each day
    every night=each night, every morning=each morning, every week=each week, every year=each year
    every weekend=each weekend, all day>the whole day, all night>the whole night, luckily=fortunately
    unfortunately>sadly
    right now=at the moment, immediately>at once
    movie=film, photo>picture, photos>pictures, photograph>photo
    photographs>photos, tv=television, bike=bicycle, bikes=bicycles, gifts>presents
    trash=garbage, couch=sofa, automobile>car, supper>dinner, cellphone>phone, error>mistake
    errors>mistakes, airplane>plane, airplanes>planes, fridge=refrigerator, math>mathematics, exam>test
    exams>tests, vacations>holidays, restroom>bathroom, cab=taxi, vehicle>car, residence>home, infant>baby
    sneakers>running shoes, grocery store=supermarket, ice cream parlor>ice cream shop
    gas station>petrol station, cookies>biscuits, apartment>flat, backpack>rucksack
    boyfriend>partner, girlfriend>partner, physicians>doctors, automobiles>cars
    coworker=colleague, coworkers=colleagues, co-worker=colleague, co-workers=colleagues, classmates>fellow students
    teenager>teen, teenagers>teens, neighborhood>area, lawyer=attorney, lawyers=attorneys
    purse=handbag, medication>medicine, basement=cellar, attic=loft, rug=carpet, trash can=garbage can, woods>forest
    trousers>pants, belly>stomach, contest=competition, mall=shopping center
    movie theater=cinema, cash>money, highway=freeway, journey>trip, nap>short sleep
    diner>small restaurant, essay>paper, nightmare=bad dream, nightmares=bad dreams, scent>smell
    noise>sound, noises>sounds, parking lot=car park, famous=well known, incorrect>wrong, inexpensive>cheap
    expensive=costly, beautiful>gorgeous, awesome>great, boring>dull, quiet>silent, brave=courageous, polite=courteous
    rude=impolite, worried about>concerned about, annoyed=irritated, shocked=stunned
    confused=puzzled, jealous=envious, dirty=filthy, messy=untidy
    dangerous>risky, noisy>loud
    heartbroken>devastated, depressed>very sad, thankful=grateful, upset about>unhappy about
    upset with>annoyed with, excited about>thrilled about, wonderful>marvelous, adorable=cute, sleepy>drowsy
    starving>very hungry, freezing>very cold, soaked>dripping wet, not long ago>recently, usually=normally
    completely=totally, entirely>completely, especially=particularly, exactly=precisely, barely=hardly
    initially>at first, sometimes=at times, occasionally=now and then, currently=at present, soon after=shortly after
    previously>earlier, obviously=clearly, by accident>accidentally, forever>for good, anyway=anyhow
    instead of=rather than, because of>due to, even though=although, despite=in spite of, whenever>every time
    each other=one another, close to>near, plenty of>lots of, two times>twice, by himself=on his own
    by herself=on her own, by myself=on my own, by themselves=on their own, for free>at no cost, of course>naturally
    as a result>because of this, the other day>a few days ago, at that moment=just then
    a lot more>much more, a lot better>much better, so much fun>such fun, every single>each, all kinds of=all sorts of
    looked after=took care of, look after=take care of, looking after=taking care of, made fun of=mocked
    making fun of=mocking, make fun of=mock, came up with>thought of, got rid of=disposed of, get rid of=dispose of
    got ready for=prepared for, getting ready for=preparing for, get ready for=prepare for, signed up for=enrolled in
    sign up for=enroll in, broke up with=split up with, dropped out of>quit, cleaned up>tidied up, clean up>tidy up
    cleaning up>tidying up, wanted to>wished to, planned to=intended to
    planning to=intending to, agreed to>consented to, refused to=declined to, promised to=vowed to
    hurried to=rushed to, walked up to=approached
    stayed home=remained at home, stayed at home=remained at home, stayed up>remained awake, completed>finished
    chose>selected, choose>select, chosen>selected, destroyed=wrecked, built=constructed
    build=construct, phoned>called, texted>messaged
    apologized>said sorry, jumped>leaped, argued=quarreled, crashed into>smashed into, appeared to=seemed to
    had a hard time=had trouble, having a hard time=having trouble, went shopping>did some shopping
    went on a trip=took a trip, went outside>stepped outside, went inside>stepped inside
    got home from=came home from, got a job=found a job
    spoke to=talked to, talked with>spoke with, speak to=talk to, speaking to=talking to
    talking about=speaking about, talked about=spoke about, learned how to>learned to, learn how to>learn to
    used to love>once loved, kept on>continued, got into a fight=had a fight
    had an idea=came up with an idea
    decides to=chooses to, wants to>would like to, fortunately>thankfully, all the sudden>suddenly
    all of the sudden>suddenly, before long>soon, dialed 911>called 911
    accidentally>unintentionally, nobody>no one, insect>bug, insects>bugs
    policeman>police officer, policemen>police officers, fireman>firefighter, firemen>firefighters
    mailman>mail carrier, stewardess>flight attendant, salesman>salesperson, waiter>server, waiters>servers
    waitress>server, waitresses>servers, hamburger>burger, hamburgers>burgers, veggies=vegetables, ad=advertisement
    ads=advertisements, luggage>baggage, belongings=possessions, gasoline>gas, pjs>pajamas
    terrifying>frightening, delighted=thrilled, skinny>thin, afterward>after that
    meanwhile>in the meantime, later on>later, over the summer=during the summer, over the weekend=during the weekend
    over the winter=during the winter, except for>apart from, prior to>before
    in search of>looking for, a number of>several, a variety of>various kinds of, the majority of>most of
    no longer able to>unable to, gain weight=put on weight, gained weight=put on weight, running late>behind schedule
    as fast as=as quickly as, a long time ago>long ago, got an idea>had an idea, got ready to>prepared to
    get ready to>prepare to, getting ready to>preparing to, there were a lot of=there were lots of
    rooted for>cheered for, rooting for>cheering for, root for>cheer for, chatting>talking
    strolled>walked, strolling>walking, gazed at>looked at, glanced at>looked at, inquired about>asked about
    obtain>get, departed>left, spouse>partner, not far from>close to
    was unsure>was not sure, were unsure>were not sure, not sure if=unsure if, one of the best=among the best
    right next to>directly beside, in the blink of an eye>in an instant, from then on=from that day on
    from that day on=from that point on, once again=once more, on a regular basis>regularly, on a daily basis>daily
    on purpose>deliberately, a lot of the time>much of the time
    little by little=bit by bit, day by day>gradually, as usual>as always, high school student>high schooler
    high school students>high schoolers
    the U.S.>the US, straightaway>right away, hilarious>very funny, spectacular>amazing
    stunning>gorgeous, superb>excellent, disgusting>gross, leapt>leaped, woke up early=got up early
    wake up early=get up early, woke up late=got up late, in the nick of time>just in time
    cell phone>phone, cell phones>phones, pet store=pet shop, toy store=toy shop, candy store=candy shop
    shoe store=shoe shop, thrift store=thrift shop, antique store=antique shop, clothing store=clothing shop
    jewelry store=jewelry shop, gift shop=gift store, flower shop=flower store, coffee shop>cafe, coffee shops>cafes
    as a matter of fact>in fact, best buddies>best friends, swimming pool>pool, automobile accident>car accident
    car accident=car crash, car wreck>car crash, motorcycle>motorbike, blue jeans>jeans
    in bad shape>in poor condition, thunderstorm>storm, tidied up>cleaned up, tidied>cleaned, sprinting>running
    sprinted>ran, tugged>pulled, tugging>pulling, snatched>grabbed, yanked>pulled, gigantic>huge
    massive>huge, speedily>quickly, soaking wet>drenched, drenched>soaked, famished>starving, hurriedly>quickly
    cheerfully>happily, badly injured>seriously hurt, repeatedly>again and again
    discussed>talked about, discussing>talking about, discuss>talk about
    tolerate>put up with, resembled>looked like, vanished>disappeared, disappeared>vanished, trembling>shaking
    shivering>shaking, roommate=housemate, roommates=housemates, seashells>shells
    burst out laughing>started laughing, burst into tears>started crying, fast asleep>sound asleep
    side by side>next to each other, hand in hand>holding hands, in the daytime>during the day
""")
