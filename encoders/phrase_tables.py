"""Wordings of everyday English that may stand for each other in a frame, one way a line; see `frames`."""

from .frames import frames

FRAMES = frames(r"""
    went to (an?|the|<his>) (concert|party|wedding|funeral|conference|meeting|festival|birthday party|reunion|game)\
         => attended \1 \2
    <past>attended (?=an?|the|<his>) => went to_
    went/goes to (?=(?:the|an?|<his>) (?:\w+ )?<place><stop>) => headed/heads to_
    (decided to|decides to|had to|needed to) go to (?=(?:the|<his>) (?:\w+ )?<place><stop>) => \1 head to_
    (<was>) going to (?=(?:the|an?|<his>) (?:\w+ )?<place><stop>) => \1 heading to_
    (?<=to )go home => head home
    (<was>) going home => \1 heading home
    go/goes/going back to => return/returns/returning to
    go back<end> => return
    <past>returned home => went back home
    <past>came home<stop> => returned home
    went back (?=home|inside|outside) => returned_
    had always wanted (?=an? ) => had always wished for_
    got on (?=(?:the|<his>) (?:bus|plane|train|boat)\b) => boarded_
    (?<!have )got an A<stop> => received an A
    (got|climbed|hopped|jumped) in (?=(?:the|<his>) (?:car|truck|van|bed|shower|water|pool)\b) => \1 into_
    got out of (?=(?:the|<his>) (?:car|truck|van)\b) => stepped out of_
    got/get/getting out of bed => climbed/climb/climbing out of bed
    got up (?=early|late|at \d) => woke up_
    got/gets/get/getting worse(?! and\b) => worsened/worsens/worsen/worsening
    got/gets/get/getting better at => improved/improves/improve/improving at
    got stuck (?=in|on|between|under) => became stuck_
    got into an? (?=accident|car accident|argument) => had a_
    <past>got in an? (?=accident|car accident|car wreck|argument) => had a_
    (<one>) got fired<stop> => \1 was fired
    (<was>) fired(?=[.,]| (?:from|for|because)\b) => \1 let go
    (?<!have )(?<!'ve )(?<!has )(?<!'s )(?<!had )got to (?=(?:meet|see|ride|pet|visit|try|fly|spend|stay|play)\b)\
         => had the chance to_
    <past>arrived at (?=the|<his>) => got to_
    got (?=(?:frustrated|excited|jealous|dizzy|suspicious|engaged|involved|pregnant|annoyed|curious|distracted\
        |addicted)\b) => became_
    got/get/getting married(?! to\b) => tied/tie/tying the knot
    got (?=the (?:part|role|lead)\b) => landed_
    took/take/taking a shower => showered/shower/showering
    took (it|(?:the|<his>) <folk>) (?=home|(?:back )?to (?:the|<his>)) => brought \1_
    took a (?:big )?bite of => bit into
    took a deep breath => drew a deep breath
    took off (?=<his> (?:coat|shoes|jacket|boots|hat|shirt|clothes|glasses|pants|socks|mask|helmet)\b) => removed_
    it took a long time => it took quite a while
    made it to (?=(?:the|<his>|school|work|class)\b) => reached_
    made/make/making (dinner|breakfast|lunch)(?! plans| reservations) => prepared/prepare/preparing \1
    cooked/cook/cooking (dinner|breakfast|lunch) => made/make/making \1
    made/makes/make/making (?=an? (?:\w+ )?cake|cookies|(?:an? )?(?:\w+ )?pies?|brownies|cupcakes)\
         => baked/bakes/bake/baking_
    baked/bakes/bake/baking (?=<det>|cookies|brownies) => made/makes/make/making_
    made friends with => befriended
    made/make sure to => took/take care to
    had (breakfast|lunch|dinner)(?=[.,]| (?:with|at|and|together|in)\b) => ate \1
    ate/eat/eats/eating (breakfast|lunch|dinner|supper)(?! foods?) => had/have/has/having \1
    ate (?=(?:an?|some|two|three) (?:\w+ )?(?:sandwich(?:es)?|burgers?|pizza|salad|soup|snack|slices?|cookies?\
        |apple|steak|eggs|cereal|tacos?)\b) => had_
    asked/ask (him|her|me) out<end> => asked/ask \1 on a date
    said yes<stop> => answered yes
    said no<stop> => answered no
    told (<him>|(?:the|<his>) (?!that\b)[a-z]+) (not )?to (?!shut|go away|leave|hell|never|go to hell|worry|be \
        |feel|forget|look|get|calm|relax|keep|give|hang|enjoy|wait|come)(?=[a-z]) => instructed \1 \2to_
    informed/notified (?=<him>|the|his|my) => told/told_
    looked like (?=(?:he|she|they|I|it) (?:was|were|had|would|could)\b) => looked as if_
    felt like (?=(?:<he>|the \w+|<his> \w+|everyone|someone) (?:was|were|had|would|could|might|needed|did)\b)\
         => felt as if_
    felt as if/though => felt/felt like
    looked (?=(?:very |so |really )?(?:sad|happy|tired|scared|angry|nervous|upset|worried|confused|bored|hungry\
        |lonely|friendly)\b) => seemed_
    looked (?=(?:everywhere|all over)\b) => searched_
    everywhere(?=[.!]|, ) => all over the place
    (?<!was )(?<!were )(?<!much )(?<!well )(?<!be )(?<!been )(?<!is )(?<!are )(?<!most )(?<!always )(?<!his )\
        (?<!her )(?<!my )(?<!their )(?<!so )(?<!feel )(?<!felt )(?<!had )(?<!have )loved (?!by|ones?|that|how|when\
        |what|so|and|each|to|in|every|more|most|than|very|at|on|for|from|but|as|like|with|or|especially|it when)\
         => adored_
    loves (?!that|how|when|what|so|and|to|more|most|than|very|at|on|for|from|but|as|like|it when) => adores_
    (?<!always )(?<!was )(?<!were )(?<!be )(?<!been )(?<!is )(?<!had )(?<!most )(?<!and )hated (?=(?:the|<his>\
        |it(?! when)|<him>|school|\w+ing)\b) => couldn't stand_
    hates (?=(?:the|<his>|it(?! when)|<him>|school|\w+ing)\b) => can't stand_
    forgot (?=how to|that|the words|the name|<his> name) => couldn't remember_
    (?<!had )(?<!never )(?<!almost )(?<!nearly )forgot to => did not remember to
    ordered (?=an? |some ) => placed an order for_
    (<one>) needed (?=an?|some|help|money|new) => \1 was in need of_
    (they|we) needed (?=an?|some|help|money|new) => \1 were in need of_
    <was> forced to => had to
    had to (?=go|do) => needed to_
    (go|went|going|gone) out to (?=dinner|lunch|breakfast) => \1 out for_
    went/go/going out to eat => ate/eat/eating out
    went/go/going (?:for|on) a run(?=[.,]| (?:and|in|with|every|around)\b) => went/go/going running
    went/go/going (?:for|on) a hike(?=[.,]| (?:and|in|with|on)\b) => went/go/going hiking
    went/go/going for a swim(?=[.,]| (?:and|in|with)\b) => went/go/going swimming
    went/go/going (?:for|on) a walk => took/take/taking a walk
    (?<!go to )(?<!went to )took/take/taking a walk => went/go/going for a walk
    went/go/going camping => went/go/going on a camping trip
    (?<!quickly )ran (?=(?:to (?:the|<his>)|home|outside|inside|into (?:the|<his>) <room>|over to|upstairs\
        |downstairs|towards?|back to)\b) => rushed_
    run (?=(?:to (?:the|<his>)|home|over to)\b) => rush_
    drove to (?=(?:the|<his>) (?:\w+ )?<place><stop>) => drove over to_
    walked/walk over to => went/go over to
    <past>walked home(?=[.,]| (?:from|after|in|with|alone|together)) => went home on foot
    walked/walk into (?=(?:the|<his>|an?) <room>) => entered/enter_
    entered (?=(?:the|<his>|an?) <room>) => walked into_
    <past>left (?=(?:the|<his>) (?:room|house|store|restaurant|building|bar|classroom|theater|shop|office)(?:[.,]\
        | (?:and|with|without|after|before|when)\b)) => walked out of_
    (?:walked|went) out of (?=(?:the|<his>) (?:room|house|store|restaurant|building|bar|classroom|theater|shop\
        |office)\b) => left_
    saw that (?=(?:<he>|there|the|<his>) ) => noticed that_
    worked (?:very |really |so )?hard(?=[.!]| to) => put in a lot of effort
    <past>sat down(?! to (?:dinner|lunch|breakfast|<his>|the|a)\b| for| restaurant| dinner| meal) => took a seat
    came over<end> => stopped by
    <past>stopped by(?= to\b|<end>) => dropped by
    dropped by(?= to\b|<end>) => stopped by
    (I|he|she|they|we|^[A-Z][a-z]+) hit (?=(?:an?|the|<his>|another) (?:tree|car|ground|pole|deer|wall|curb|floor\
        |fence|mailbox|target|truck|dog|window|rock)\b) => \1 struck_
    <past>grabbed (?=(?:an?|the|<his>|some) (?!bite|seat|beer|drink|coffee|hold|attention|arm|meal|snack)\w) => took_
    (?<!was )(?<!were )(?<!been )offered to (?=[a-z]{2}) => volunteered to_
    volunteered to (?=(?:help|take|go|pay|do|drive|watch|be|buy)\b) => offered to_
    dreamed of => dreamt of
    felt bad for (?=<him>|the|<his>) => felt sorry for_
    felt sorry for => felt bad for
    (?:called|phoned) (?=(?:the police|the doctor|the hospital|the company|the bank|the store|the vet|an ambulance\
        |a plumber|a friend|the restaurant|customer service)\b) => phoned_
    called/call 911 => dialed/dial 911
    called (<him>) (?=and (?:told|asked|said|invited)|to (?:ask|tell|say|invite|see if)) => phoned \1_
    waited/waiting/wait in line => stood/standing/stand in line
    ^it turned out (?:that )?(?=<he>|the|<his>|there|someone) => As it turned out,_
    (?<!was )(?<!were )threw (it|the|an?|<his>)(?! (?:\w+ )?(?:party|fit|tantrum|punch|game)| up)(?!.* (?:off\
        |together)) => tossed \1
    <past>tossed (?=it|the|an?|<his>) => threw_
    <past>caught a cold => came down with a cold
    <past>helped (<him>)(?=\.| with) => gave \1 a hand
    (<was>) having (?=a (?:big |huge |birthday |surprise |costume |dinner |pool )?party) => \1 throwing_
    threw (?=an? (?:\w+ )?party) => had_
    broke (?=<his> (?:arm|leg|wrist|ankle|finger|foot|toe|collarbone|nose|hand|hip)\b) => fractured_
    (car|truck|van|bus|machine|computer|bike|boat) broke down => \1 stopped working
    broke up(?=[.,]| (?:because|after|last)\b) => split up
    threw up<stop> => vomited
    (?<!was )(?<!were )(?<!been )met/meet up with => got/get together with
    (<was>|got|grew|so) tired of => \1 fed up with
    (<was>|got|so) sick of (?=\w+ing|the|<his>|it) => \1 tired of_
    (?:so|very|really) happy (?=(?:to|when|about|for)\b) => overjoyed_
    (<was>|is|are) filled with => \1 full of
    (<was>|is|are) full of (?!himself|herself|themselves|it) => \1 filled with_
    stuck in traffic => held up in traffic
    (<was>|completely) covered in (?!the|class) => \1 covered with_
    (<was>|and|completely) covered with => \1 covered in
    (<was>) allowed to => \1 permitted to
    (?<!was )(?<!were )(?<!not )allowed (<him>) to (?!go|leave|be) => let \1_
    (?<!was )(?<!were )forced (<him>) to => made \1
    convinced (?=(?:<him>|<his> [a-z]+) to) => persuaded_
    persuaded => convinced
    owned (?=(?:an?|the|many|several|two|three|\d+) ) => had_
    owns (?=(?:an?|the|many|several|two|three|\d+) ) => has_
    the police(?! officers?| department| station| report| car| force| man| academy) (?=\w) => the cops_
    the man(?=[.,]| (?:who|was|had|in|from|came|asked|told|said|and|did|at|with)\b)(?! of) => the guy
    a man(?= (?:who|was|had|in|from|came|asked|told|said|and|did|at|with|on)\b) => a guy
    (<his>) boss(?! around| battle) => \1 supervisor
    (<his>) best friends? (?=\w)(?!forever|in the|ever) => \1 closest friend_
    a big/huge fan of => a huge/big fan of
    had a crush on => had feelings for
    thought about (?=\w+ing) => considered_
    remembered (?=(?:that|the|<his>|how|what|when|where) ) => recalled_
    <past>hugged (<him>)(?=[.,]| and) => gave \1 a hug
    gave (<him>) a (?:big )?hug => hugged \1
    <past>kissed (<him>)(?=[.,]| (?:and|goodbye|good night)) => gave \1 a kiss
    <past>thanked (<him>)(?=\.| for| and) => said thank you to \1
    said thank you to (?=<him>) => thanked_
    said hello to => greeted
    greeted (?=<him>) => said hello to_
    begged (?=(?:<him>|<his> [a-z]+) (?:to|for)\b) => pleaded with_
    tripped over => stumbled over
    stumbled over => tripped over
    fell on (?=the (?:floor|ground)) => fell to_
    fell to (?=the (?:floor|ground)) => fell on_
    moved/move/moving to (?=(?:a new|another|a different) (?:city|town|state|country|house|apartment))\
         => relocated/relocate/relocating to_
    <past>reached (?=the (?:store|park|house|beach|top|end|bottom|airport|restaurant|summit|hotel|finish line)\b)\
         => got to_
    answered the phone => picked up the phone
    turned/turn/turning on the (?=lights?|tv|lamp|radio|heat|heater|oven|stove|computer|television|fan|air)\
         => switched/switch/switching on the_
    turned/turn/turning off the (?=lights?|tv|lamp|radio|heat|heater|oven|stove|computer|television|fan|alarm)\
         => switched/switch/switching off the_
    switched/switch on => turned/turn on
    switched/switch off => turned/turn off
    closed/close (?=(?:the|<his>) (?:door|window|eyes|book|box|lid|curtains|gate)) => shut_
    <finite>shut (?=(?:the|<his>) (?:door|window|eyes|book)) => closed_
    was arrested<stop> => was taken into custody
    <finite>quit (?=<his> job) => resigned from_
    flew to (?=[a-z]+<end>) => took a flight to_
    <past>visited (?=<his> (?:grand\w+|mother|mom|father|dad|parents|sister|brother|aunt|uncle|cousins?|friends?\
        |family)\b) => went to see_
    <past>visited (?=the (?:museum|zoo|beach|store|park|aquarium|doctor|dentist|library|vet)\b) => went to_
    beat (<him>|the \w+ team) (?=in|at|by) => defeated \1_
    placed (?=(?:it|them|the|<his>|some) (?!order|bet|call|ad\b|blame)\w) => put_
    (?<=[a-z] )<finite>put (?=(?:the|<his>|some|an?|all|two|three) (?!blame|thought|effort|smile|time|work|pressure\
        |strain|stop|end|damper|lot|energy|money|faith|trust|offer|bet|weight|name|foot|mind|hands?|faces?|feet|eyes?)\
        (?:[a-z]+ ){1,2}(?:in|on|into|onto|under|inside) (?:the|an?|<his>) ) => placed_
    (<was>|got|been|so|very) sick(?=[.,]| (?:and(?! tired)|for|in|after|on|during|all|today|yesterday)\b) => \1 ill
    (<was>|got|been|so|very|became|fell) ill(?=[.,]| (?:and|for|in|after|on|during|all|today|yesterday)\b) => \1 sick
    (<was>|is|so|very|too) afraid(?=[.,]| (?:of|to|and|but|because|when|at first)\b) => \1 scared
    (?<!a )(?<!the )(?<!his )(?<!her )(?<!my )(?<!their )(?<!our )(?<!new )(?<!this )plan to(?= [a-z]) => intend to
    intend to => plan to
    kid(?=[.,]| (?:and|was|had|is|in|at|on|with|who|to|from|named|that)\b) => child
    at first(?=[.,!]| (?:<he>|the|but|and|because)\b) => initially
    no one(?! of\b| else\b) => nobody
    gift(?=[.!]| (?:for|to|from) (?:<him>|<his>)\b) => present
    clothes(?=[.,!]| (?:and|to|for|in|on|at|from|with|that (?:she|he|I|they))\b) => clothing
    (<was>|is) (?:fast )?asleep => \1 sleeping
    (<was>|is) sleeping(?=[.,]| (?:when|and)) => \1 asleep
    fell asleep (?=in class|on the couch|in (?:the|<his>) chair|while|during) => dozed off_
    in (?=(?:the|<his>) (?:house|garage|box|tent|cave|building|store|closet|cage|fridge|refrigerator)(?:[.,]\
        | (?:and|was|to|when)\b)) => inside_
    (?<!the )inside of (?=the|<his>|it|an?) => inside_
    off of (?=the|<his>|it|an?) => off_
    within (?=(?:an?|\d+|two|three|four|five|ten|a few) (?:minutes?|hours?|days?|weeks?|months?|years?)<stop>)\
         => in less than_
    ^((?:<he>|(?:the|<his>) [a-z]+|[a-z]+) (?:<was>|felt|is|are|looked|seemed)) so (?=[a-z]+[.!])(?!much|many|far\
        |long|close) => \1 very_
    (<was>|felt|is|are|looked) pretty (?=[a-z]+(?:[.,!]| (?:and|about|with|for|when|at)\b))(?!much|and|but|with|in\
        |for|when|at) => \1 quite_
    ^(<he>|[a-z]+|(?:the|<his>) [a-z]+) (<was>|felt|got|is|are) so (?!far|long|much|many|that|close)([a-z]+)\
         (?=(?:<he>) (?:was|were|had|could|couldn't|did|didn't|decided|would|went|got|started|ran|began|bought|took\
        |made|cried|called|fell|almost|never|forgot|left)\b) => \1 \2 so \3 that_
    (<was>|felt|got|is|are) so (?!far|long|much|many)([a-z]+) that (?=<he> ) => \1 so \2_
    (decided|insisted|figured|wished|worried|feared|guessed|suspected|claimed|complained|assumed|concluded|noted\
        |admitted|announced|mentioned|determined) (?=<he> (?!(?:out|up|all|on|\w+ing)\b)\w+) => \1 that_
    (insisted|figured|wished|worried|feared|guessed|suspected|claimed|assumed|suggested|admitted) that (?=<he> )\
         => \1_
    told ((?:the|<his>) (?!that\b)[a-z]+) (?=<he> (?:was|were|had|could|would|should|did|needed|wanted|loved\
        |couldn't|didn't|wasn't)\b) => told \1 that_
    told ((?:the|<his>) (?!that\b)[a-z]+) that (?=<he> ) => told \1_
    (relieved|thankful|surprised|shocked|disappointed|thrilled|grateful|delighted|amazed|convinced) (?=<he> (?:was\
        |were|had|could|would|did|didn't|got)\b) => \1 that_
    (relieved|thankful|surprised|shocked|disappointed|thrilled|grateful|delighted|amazed|convinced) that (?=<he> )\
         => \1_
    (everything|anything|something|nothing) (?=<he> (?:had|needed|wanted|could|did|was|were|owned)\b) => \1 that_
    (everything|anything) that (?=<he> ) => \1_
    ((?:the|an?|<his>) (?!fact|day|way|moment|point)[a-z]+) that (?=<he> (?:had|wanted|needed|bought|made|loved\
        |liked|saw|found|ordered)\b) => \1_
    they/we both (?=[a-z]+) => both of them/us_
    they/we all (?=[a-z]+) => all of them/us_
    the very next => the next
    before (?:he|she|they|I|we) knew it => in no time
    ^in addition, (?=\w)(?!.* also ) => Also,_
    ^alas, (?=\w) => Unfortunately,_
    ^thankfully,? (?=\w) => Fortunately,_
    ^but,? (?=(?:one day|when|after|on|this|there|nobody|no one|an?|all|some|one|these|in|at|every|before|while|at)\
        \b) => However,_
    ^this was (?=the|<his>|an?|not|very) => It was_
    ^once upon a time,? (?=\w) => Long ago,_
    ^one time,? (?=\w) => On one occasion,_
    , though(?=\.$) => , however
    it was time (?=for|to) => the time had come_
    ^it was an? ((?:very )?(?:warm|hot|cold|sunny|rainy|beautiful|chilly|stormy|dark|windy|lovely|cloudy)) (day\
        |night|morning|evening|afternoon)(?=\.$) => The \2 was \1
    had no (?!others?|idea|clue|one|longer|more|less|fewer)(?=[a-z]+s\b)(?!business|progress|success|signs|process)\
         => didn't have any_
    has no (?=[a-z]+s\b|money|time)(?!business|progress|success) => doesn't have any_
    there were no (?=[a-z]+s\b) => there weren't any_
    there wasn't anything => there was nothing
    once a week/month/day/year => once every week/month/day/year
    twice a => two times a
    (times|hours|days|dollars|miles|minutes) a (?=(?:week|day|month|year|hour)[.,]) => \1 per_
    (?<![$\d.,-])(\d+) dollars => $\1
    everyday(?=[.,]| (?:for|to|and|after|before|at|in|on|with|until)\b) => every day
    (?<!go )(?<!get )(?<!went )(?<!got )(?<!is )(?<!are )(?<!was )online(?=[.,]| (?:and|for|to|that|but)\b)\
         => on the internet
    on the internet => online
    the perfect (?=[a-z]) => the ideal_
    a pretty (?=(?:girl|woman|dress|flower|house|face)\b) => a beautiful_
    a nice (?=(?:day|time|place|evening|dinner|walk|meal|trip|night)\b) => a pleasant_
    got/get/getting in trouble => got/get/getting into trouble
    a bunch of (?!bananas|flowers|grapes|keys|roses) => a lot of_
    (?<!two )(?<!three )(?<!\d )(?<!several )tons of => lots of
    a ton of (?!bricks) => a lot of_
    a great deal of => a lot of
    due to (?=the|<his>|an?|\w+ing) => because of_
    the vet(?=[.,]| (?:and|to|for|said|told|was|with)\b) => the veterinarian
    the er<stop> => the emergency room
    (neck|back|stomach|head|tooth|feet|legs|arm|knees?|leg|foot) hurt(?=[.!]| (?:so|and|very|a lot|from)\b)\
         => \1 ached
    (<one>) used to be (?=[a-z]) => \1 was once_
    (<he>) (?:continued|kept on) (?=\w+ing) => \1 kept_
    <past>named (<him>|it) (?=[A-Z]) => gave \1 the name_
    (<one>) worked as (?=an? ) => \1 had a job as_
    ^(?:much )?to <his> surprise,? (?=\w)(?!however|though|at) => Surprisingly,_
    (?<!not )(?<!n't )very tired(?! of) => exhausted
    (<was>|felt|had been|and|so|very) ((?:so|very) )?happy (?=to (?:be|have|see|get|find)) => \1 \2glad_
    (?<!it )(?<!this )(?<!that )(?<!movie )(?<!story )(?<!ending )(?<!day )<was> (?!(?:so |very |really )?guilty)\
        (?=(?:(?:so|very|really) )?<feels>(?:[.,!]| (?:and|but|because|so|when|after|with|that|about|to|at first\
        |in class|all day|for (?:him|her|them|me|the|his|my))\b)) => felt_
    (<one>|it) felt (?!(?:so |very |really )?guilty)(?=(?:(?:so|very|really) )?<feels>(?:[.,!]| (?:and|but|because\
        |so|when|after|that)\b)) => \1 was_
    (they|we) felt (?!(?:so |very |really )?guilty)(?=(?:(?:so|very|really) )?<feels>(?:[.,!]| (?:and|but|because\
        |so|when|after|that)\b)) => \1 were_
    (?<!absolutely )(?<!completely )(?<!totally )(?<!so )(?<!very )(?<!really )(?<!just )\
        terrified of => scared to death of
    (?<!a )half an hour => thirty minutes
    thirty minutes => half an hour
    (?:got|became) (?=(?:really|very|so) (?:tired|angry|sick|scared|bored|upset|mad|nervous|worried|hungry|excited\
        |frustrated|jealous)\b) => became_
    became (?=(?:really|very|so) (?:tired|angry|sick|scared|bored|upset|mad|nervous|worried|hungry|excited\
        |frustrated|jealous)\b) => got_
    looked out (the|an?|<his>) window => peered out \1 window
    (?<=[a-z] )(?<!and )(?<!get )(?<!do )some (?!.* others\b|(?:of|kind|sort|time|day|more|others?|people|one|were|are\
        |had|was|sleep|rest|fun|space|peace|air|fresh|thought|trouble|good|bad|point|reason|way|things?|research|work\
        |shopping|exercise|extra|parts?|days|nights|kids|new|in|to|and|do|at|from|on|for|with|as|so|when|by|if|who|that\
        |because|before|after|off|out|up|here|there|but|or|while|is|even|left|just|already|too|instead)\b)(?=[a-z]+)\
         =>
    (bought|ate|made|brought|grabbed|ordered|needed|wanted|gave (?:him|me|them)) (?=(?:milk|eggs|bread|cookies\
        |apples|oranges|candy|popcorn|flowers|vegetables|toys|books|clothes|shoes|pants|balloons|food|drinks|snacks\
        |blankets|pizza|soup|pasta|strawberries|chips)(?:[.,]| (?:for|from|at|to)\b)) => \1 some_
    (<his>) friends(?=[.,]| (?:and|to|were|at|in|for|came|had|went|on|over|who|did|told|said|that|laughed|decided\
        |wanted)) => \1 pals
    (his|my) friend(?=[.,]| (?:and|to|was|at|in|for|came|had|went|on|over|who|did|told|said|that|laughed|decided\
        |wanted)) => \1 buddy
    ([a-z]+'s) house(?=[.,]| (?:and|to|was|for|with|on|in|after)) => \1 place
    (enough|extra|some|more) money(?=[.,]| (?:to|for|and|on|from)) => \1 cash
    (<was>|is|be|been) ((?:very |so )?)late for (?=work|school|class) => \1 \2late to_
    late to (?=work|school|class) => late for_
    a great (?=(?:friend|dinner|show|weekend|vacation|teacher|player|choice|success|gift|experience|cook|dancer\
        |singer|team|place|book|restaurant|movie)\b) => an excellent_
    (<was>|is|looked|tasted|smelled) great(?=[.!]) => \1 wonderful
    ^(?:as) (<he>|the [a-z]+|<his> [a-z]+) (was|were) (?=[a-z]+ing) => While \1 \2_
    ^as (<he>) (walked|drove|ran|waited|played|worked|watched|ate|cooked|slept|shopped|talked) => While \1 \2
    (?<=[a-z] )as (?=(?:I|he|she|they|we) (?:was|were) [a-z]+ing) => while_
    while (?=(?:I|he|she|they|we) (?:was|were) [a-z]+ing) => as_
    (pulled over|went outside|went inside|got up|woke up early|saved (?:up )?(?:his |her |my )?money|saved up\
        |studied hard|practiced hard|turned around|drove to the [a-z]+|ran to the [a-z]+|stopped) to (?!the|an?\
        |<his>|work|school|him|her|me|them|[a-z]+ing|church|class|dinner|lunch|bed|eat|get|be|do|no|find|see\
        |discover|realize|learn|hear)(?=(?-i:[a-z])) => \1 in order to_
    came across (?=an? (?:wallet|puppy|kitten|dog|cat|box|bag|note|coin|letter)) => found_
    <past>found (?=an? (?:\w+ )?(?:wallet|puppy|kitten|stray|dollar bill|nest|note|coin|letter|snake|spider|turtle\
        |ring|book|recipe|website|video|article)\b) => came across_
    took (an?|the) (?=(?:bus|train|subway) (?:to|home|back)) => rode \1_
    made a list => wrote a list
    made plans to => planned to
    made (?=(?:some |a pot of |a cup of )?coffee\b) => brewed_
    <past>walked to ((?:the|<his>|a) (?:store|park|beach|library|mall|bus stop|gas station|bank)|school|work)\
        (?=[.,]) => went to \1 on foot
    fell (?=(?:off|down) (?:the|<his>|an?) ) => tumbled_
    lost the (?=(?:game|match|race|contest|election|competition|tournament)\b) => did not win the_
    caught on fire => caught fire
    caught fire => caught on fire
    saw the (?!movie|film|show|play|doctor|dentist|vet|concert|lights?|world|results|look|need|point|potential\
        |difference|sights|sun|game|ocean|future)(?=[a-z]+) => noticed the_
    (<he>|and|then) left for (?=work|school|the|<his>)(?!the (?:day|night)) => \1 set out for_
    (<one>) worked at (?=an?|the) => \1 had a job at_
    (<one>) works (at|as) (?=an?|the) => \1 has a job \2_
    (?<!has )(?<!have )(?<!had )lived in (?=an?|the) => resided in_
    lives in (?=an?|the) => resides in_
    wanted (?=an? (?:\w+ )?(?:dog|cat|puppy|kitten|pet|car|phone|bike|house|computer|dress|toy|baby|horse|pony\
        |laptop|motorcycle|boat|tattoo|pool|garden)\b) => wanted to have_
    gave/give birth to => had/have
    all the way (?=to|from|home|across|down|up|back) =>
    (?<=[a-z] )(?:that|who|which) (?:was|were) (?=[a-z]+ing (?:in|on|at|to|by|for|down|around|near|outside|the\
        |<his>)) =>
    called (<his> (?:mom|mother|dad|father|sister|brother|boss|wife|husband|doctor|parents|landlord|bank|friends?))\
         (?=to|and) => phoned \1_
    for some reason => for whatever reason
    ended up (?=[a-z]+ing) => wound up_
    ever since(?=[.,]) => since then
    did great => did very well
    did badly/poorly => performed badly/poorly
    headed out(?=[.,]| to| for) => set out
    took care of => looked after
    took part in => participated in
    participated in => took part in
    ready to leave/go => set to leave/go
    had a bad day => had a rough day
    had a great day => had a wonderful day
    (was|were|is) fun(?=[.!]) => \1 enjoyable
    grew to love => came to love
    came to love => grew to love
    accepted (?=(?:the|a) job) => took_
    took (?=the job\b) => accepted_
    asked for help => requested help
    broke into pieces => shattered
    right before => just before
    just before => right before
    right after (?=the|<his>|<he>|work|school|college|dinner) => just after_
    right when => just when
    just as (?=<he>|the|<his>) => right when_
    had a heart attack => suffered a heart attack
    had a stroke => suffered a stroke
    (?:pretty|very|really|so) soon => before long
    got to work => arrived at work
    got to school => arrived at school
    got to class => arrived at class
    big (?=(?:sandwich|meal|breakfast|ball|bed|boulder|branch|bug|building|burger|cage|car|chair|chunk|cloud\
        |container|cup|desk|farm|fire|garden|glass|hat|hill|jar|lake|mirror|mountain|pan|piece|pizza|plant|pool\
        |pumpkin|rat|snake|stick|stone|store|suitcase|table|tank|tent|wave|window|pond|rug|turkey|bone|bush|animal\
        |wall|tv)\b) => large_
    <past>brought (it|(?:the|<his>) <folk>) home => took \1 home
    decided not to => chose not to
    (<was>|is) (?:really )?looking forward to => \1 excited about
    <past>ran out of ([a-z]+)(?=[.,]) => had no \1 left
    a new pair of (?=(?:shoes|jeans|pants|socks|boots|glasses|sneakers|gloves|headphones)) => new_
    in the middle of (?=the (?:movie|game|class|show|song|race|concert|speech|meal|semester)) => halfway through_
    in the middle of the night => during the night
    all over (?=(?:the|<his>) (?:house|yard|city|town|neighborhood|school)) => throughout_
    had a pet (?=[a-z]+) => owned a pet_
    <past>won (?=(?:the|a) (?:race|contest|competition|tournament)) => took first place in_
    tried out for (?=(?:the|a|<his>) (?:\w+ )?(?:play|band|part|role|musical|choir)) => auditioned for_
    <was> (?=(?:caught|hired|promoted|rejected|invited|robbed|injured|bitten|stung|kicked out|grounded|suspended\
        |expelled|bullied|evicted|scammed|soaked|drenched)\b) => got_
    bad day => rough day
    a great (?!deal|many|number|aunt|uncle|grand|distance|extent|white|dane|big|pain|loss|depression|danger|fear\
        |height|risk|cost|amount|sadness|time|affinity|need|interest|respect|care|effort)(?=[a-z]) => a wonderful_
    a bad (?=(?:storm|accident|cold|cut|headache|fall|snowstorm|thunderstorm|rash)) => a nasty_
    (a|the) local (?=(?:park|store|shop|restaurant|bar|pool|gym|diner|mall|market|cafe|bakery|library|beach|lake\
        |pond|farm|shelter|bookstore|theater|hospital|zoo|coffee shop|pet store|animal shelter|pizza place|deli|pub\
        |grocery store)) => \1 nearby_
    (?<!her )(?<!his )(?<!my )(?<!their )(?<!our )(?<!'s )little (?=girls?|boys?|kids?) => young_
    little (?=brothers?|sisters?) => younger_
    a little (?=(?:dog|house|town|car|box|boat|cat|kitten|bird|fish|shop|store|garden|farm|cabin|village|puppy|tree\
        |toy|table|restaurant|cafe)) => a small_
    (the|other|some|of) people (?=in|at|were|had|came|who|on|around) => \1 folks_
    (math|history|science|english|spanish|final|biology|chemistry|spelling|failed the|aced the|passed the\
        |studied for the) test(?=[.,]| (?:and|on|the|was|in|but|because)) => \1 exam
    (<was>|is) coming up(?=[.,]| (?:and|so|soon)) => \1 approaching
    (<was>|be) ready (?=for|to)(?!to go|to leave) => \1 prepared_
    (<was>) proud of => felt proud of
    <past>went on a date => had a date
    went/go/going on a (?=(?:\w+ )?(?:cruise|vacation|road trip|bike ride|tour)) => took/take/taking a_
    took (<his>|the) (dogs?|puppy) for a walk => walked \1 \2
    (<he>) walked (<his>|the) (dogs?|puppy) => \1 took \2 \3 for a walk
    caused (<him>|<his> [a-z]+|the [a-z]+) to => made \1
    <past>learned that => found out that
    learned to (?=(?:cook|play|swim|ride|drive|sew|knit|paint|dance|ski|surf|skate|read|write|fish|make|bake|speak\
        |type)) => learned how to_
    <past>stopped at (?=(?:the|an?|<his>) )(?!a (?:red|stop|light|traffic)|the (?:light|red|stop|traffic))\
         => made a stop at_
    invited (<him>) over => asked \1 over
    <past>pulled over(?=[.,]| and) => pulled to the side of the road
    <was> accepted (?:in)?to (?!the program|a program) => got into_
    (<was>|had|has) finally => \1 at last
    (?<!right )(?<!anywhere )near (?=(?:the|<his>|an?) ) => close to_
    under (?=(?:the|<his>) (?:bed|table|tree|couch|car|sink|porch|house|bridge|desk|seat|chair|rug|blanket|pillow))\
         => underneath_
    (a|the|this) problem (?=\w) => \1 issue_
    got (?=the job) => landed_
    saved/save/saving up (?=for|to|enough|and|his|her) => saved/save/saving_
    on the side of the road => by the side of the road
    ^so (?=<he> ) => And so_
    ^but then (?=<he> ) => Then, however,_
    ((?:the|an?|<his>) (?!fact|day|way|time|point|moment|news|idea|feeling|belief|hope|chance|sign|realization\
        |condition|promise|year|night|reason)[a-z]+) that (?=(?:he|she|they|I|we) [a-z]) => \1_
    (?<=[a-z] )(found|bought|got|all|for|of|get|buy) (the [a-z]+) (?=(?:he|she|they|I|we) (?:needed|wanted|loved\
        |had always)) => \1 \2 that_
    <past>took a look at => looked at
    <past>took a look => looked
    gave (<him>) a call => called \1
    gave it a try => tried it
    give it a try => try it
    went to get => went to pick up
    could hardly => could barely
    could barely => could hardly
    paid no attention to => ignored
    a group of friends => some friends
    looked exactly like => looked just like
    before bed => before going to bed
    before going to bed => before bed
    before school/work => before going to school/work
    was excited for (?=(?:the|<his>|an?) (?!(?:few|whole|long)\b)) => was excited about_
    were excited for (?=(?:the|<his>|an?) (?!(?:few|whole|long)\b)) => were excited about_
    not far away => nearby
    from that moment on => from then on
    at the last minute => at the last moment
    (<his>) entire (?=life) => \1 whole_
    (<his>) whole (?=life|family|body|class) => \1 entire_
    (?<=[a-z] )a (?:single )?word => a word
    without a word => without saying anything
    every time(?= <he>) => whenever
    each time(?= <he>) => every time
    the only thing => the one thing
    in addition to => besides
    thanks to => because of
    made it home => got home
    made it back => got back
    got back to => returned to
    (<was>|is|be|finally) pregnant(?=[.,]| and) => \1 expecting a baby
    (?<!video )chatted with => talked with
    (?<!still )to this day => even now
    the internet(?=[.,]| (?:and|to|for|was|that|how|about|when)\b) => the web
    most of the time (?=<he> ) => usually_
    ^most of the time, (?=[a-z]) => Usually,_
""")
