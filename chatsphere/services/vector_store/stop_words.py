"""Function words that carry no subject. They are left out of the index, which makes it a third smaller.

A language without a list loses nothing but space: its frequent words get a small IDF.
"""

from __future__ import annotations

from typing import Final

_LISTS: Final = {
    "en": """
        a about above after again against all also am an and any are as at be because been before being below between
        both but by can could did do does doing down during each either for from further had has have having he her here
        hers herself him himself his how i if in into is it its itself just ll me might more most must my myself neither
        no nor not of off on once only or other ought our ours ourselves out over own re s same shall she should so some
        such t than that the their theirs them themselves then there these they this those through to too under until up
        upon us ve very was we were what when where whether which while who whom whose why will with within would you
        your yours yourself yourselves
    """,
    "de": """
        ab aber alle allem allen aller alles als also am an ander andere anderem anderen anderer anderes auch auf aus bei
        beim bin bis bist da damit dann das dass dein deine dem den denn der des dessen die dies diese diesem diesen dieser
        dieses doch dort du durch ein eine einem einen einer eines er es etwas euch euer für gegen gewesen hab habe haben
        hat hatte hatten hier hin hinter ich ihm ihn ihnen ihr ihre ihrem ihren ihrer im in indem ins ist ja jede jedem
        jeden jeder jedes jene kann kein keine keinem keinen keiner können könnte man manche mein meine mich mir mit muss
        müssen nach nicht nichts noch nun nur ob oder ohne sehr sein seine seinem seinen seiner selbst sich sie sind so
        solche soll sollte sondern sonst um und uns unser unter vom von vor war waren warum was weil welche welchem welchen
        welcher welches wenn wer werde werden wie wieder will wir wird wo wurde wurden während würde zu zum zur zwar
        zwischen über
    """,
    "fr": """
        a ai alors au aucun aussi autre aux avait avant avec avoir c car ce cela celle celles celui ces cet cette ceux
        chaque ci comme comment d dans de depuis des donc dont du elle elles en encore entre es est et eu eux fait fut il
        ils j je l la le les leur leurs lors lui m ma mais me mes moi moins mon même n ne ni nos notre nous on ont ou où
        par pas pendant peu peut plus pour pourquoi qu quand que quel quelle quelles quels qui quoi s sa sans se sera ses
        si sien soit son sont sous sur t ta te tes toi ton tous tout toute toutes très tu un une vos votre vous y à
        étaient était être
    """,
    "es": """
        a al algo algunas algunos ante antes aquel aquella como con contra cual cuando cuál cuáles cómo de del desde donde
        durante dónde e el ella ellas ellos en entre era eran eres es esa esas ese eso esos esta estaba estas este esto
        estos está están fue fueron ha había han hasta hay la las le les lo los me mi mis mucho muy más mí ni no nos
        nosotros nuestra nuestro o os otra otras otro otros para pero poco por porque pues que quien quienes quién qué se
        sea ser si sido sin sobre solo son su sus suya suyo sí también tan tanto te tiene tienen todo todos tu tus tú un
        una uno unos y ya yo él
    """,
    "it": """
        a ad agli ai al alla alle allo anche c che chi ci come con cosa cui d da dagli dai dal dalla dalle dallo degli dei
        del della delle dello di dove e ed era erano essere fra fu gli ha hanno ho i il in io l la le lei li lo loro lui
        ma me mi mia mio ne negli nei nel nella nelle nello noi non nostro o ogni per perché più può qual quale quali
        quando quanto quella quelle quelli quello questa queste questi questo se sei si sia sono sta stata stato su sua
        sugli sui sul sulla sulle suo suoi tra tu tutti tutto tuo un una uno vi voi è
    """,
    "pt": """
        a ao aos aquela aquele aquilo as até com como da das de dela dele deles depois do dos e ela elas ele eles em entre
        era eram essa esse esta este está estão eu foi foram for há isso isto já lhe lhes mais mas me mesmo meu minha muito
        na nas nem no nos nossa nosso não nós num numa o onde os ou para pela pelas pelo pelos por porque qual quais
        quando que quem se sem ser seu seus somente são só sua suas também te tem ter teu tinha tu um uma você à às é
    """,
    "nl": """
        aan al alles als andere ben bij daar dan dat de der deze die dit doch door dus een en er ge geen had heb hebben
        heeft hem het hier hij hoe hun ik in is ja je kan kon kunnen maar me meer men met mij mijn moet na naar niet niets
        nog nu of om onder ons ook op over te tegen toch toen tot u uit uw van veel voor waar waarom want waren was wat
        welke werd wezen wie wij wil worden wordt zal ze zei zelf zich zij zijn zo zonder zou
    """,
    "ru": """
        а без более бы был была были было быть в вам вас весь во вот все всего всех вы где да даже для до его ее если есть
        еще же за здесь и из или им их к как какая какие какой ко когда кто ли лишь мне может мы на над не него нее нет
        ни них но ну о об он она они оно от по под при про с со так также такой там то того тоже только том ты у уже
        хотя чего чей чем что чтобы эта эти это этого этой этом этот я
    """,
}

STOP_WORDS: Final[dict[str, frozenset[str]]] = {
    language: frozenset(words.split()) for language, words in _LISTS.items()
}
