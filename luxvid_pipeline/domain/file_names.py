"""What a photo's file name says about its room, and how far that can be believed.

Belongs here: the words that people put into file names, in the languages listings come in.
Does not belong here: looking at pictures (``providers/local/tagger.py``), deciding between name and picture.
"""

import re
import unicodedata
from dataclasses import dataclass

from luxvid_pipeline.domain.rooms import Room


@dataclass(frozen=True, slots=True)
class NameHint:
    """What a file name says.

    Attributes:
        room: The room it names, or ``unknown``.
        confidence: 0 to 1; a name never proves anything.
        features: Other words in it that describe the picture (``dusk``, ``tub``, …).
    """

    room: Room
    confidence: float
    features: tuple[str, ...] = ()


def read_file_name(file: str) -> NameHint:
    """Return what a photo's path inside the listing folder says of its room; the name itself before its folders.

    Camera numbers (``IMG_0001``, ``DSC_0412``, ``PXL_20240101_1200``) say nothing. In a name of several rooms
    (``living-kitchen``) the last one counts, since English and German put the main word last, but for less. A word
    that moves a room outside (``bathroom-outdoor``) makes the name doubtful.
    """
    parts = file.replace("\\", "/").split("/")
    name_words, folder_words = _words(parts[-1].rsplit(".", 1)[0]), _words(" ".join(parts[:-1]))
    features = tuple(dict.fromkeys(_FEATURES[word] for word in name_words if word in _FEATURES))
    for words, sure in ((name_words, _FROM_NAME), (folder_words, _FROM_FOLDER)):
        rooms = _rooms(words)
        if not rooms:
            continue
        room = rooms[-1]
        several = 0.2 if len(set(rooms)) > 1 else 0.0
        doubtful = not room.is_exterior and room is not Room.BATHTUB_SHOWER
        outside = 0.55 if doubtful and any(word in _OUTSIDE for word in words) else 0.0
        return NameHint(room, round(max(sure - several - outside, 0.1), 2), features)
    return NameHint(Room.UNKNOWN, 0.0, features)


def _words(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", text.replace("ß", "ss"))
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", plain).lower()
    return re.findall(r"[^\W\d_]+", apart)


def _rooms(words: list[str]) -> list[Room]:
    found: list[Room] = []
    weak: list[Room] = []
    at = 0
    while at < len(words):
        for length in (3, 2, 1):
            room = _ROOMS.get(" ".join(words[at : at + length]))
            if room is not None and at + length <= len(words):
                (weak if " ".join(words[at : at + length]) in _ONLY_ALONE else found).append(room)
                at += length
                break
        else:
            at += 1
    return found or weak


_FROM_NAME = 0.75
_FROM_FOLDER = 0.6

_TOLD: dict[Room, str] = {
    Room.EXTERIOR_FRONT: "front, exterior, facade, entrance, entry, curb, street view, house, home, outside, driveway, "
    "fassade, aussen, aussenansicht, hausansicht, eingang, vorderseite, fachada, entrada, exterieur, facciata, "
    "esterno, ingresso, villa exterior, front elevation, elevation, hero",
    Room.EXTERIOR_BACK: "back, rear, backyard, back yard, rear elevation, ruckseite, arriere, posterior, trasera, "
    "deck, veranda, porch",
    Room.AERIAL: "aerial, drone, dji, birdseye, bird eye, luftbild, drohne, vue aerienne, aerienne, aerea, aereo, dron",
    Room.POOL: "pool, swimming pool, infinity pool, plunge pool, piscine, piscina, schwimmbad, alberca, poolside",
    Room.GARDEN: "garden, yard, lawn, grounds, orchard, garten, jardin, jardim, giardino, rasen, pelouse, patio garden",
    Room.VIEW: "view, views, ocean view, sea view, vista, vistas, panorama, aussicht, ausblick, vue, vue mer, "
    "meerblick, beach, dock, sunset view",
    Room.TERRACE: "terrace, terrasse, terraza, terrazzo, terrazza, balcony, balkon, balcon, balcone, patio, rooftop, "
    "outdoor kitchen, "
    "outdoor dining, outdoor living, outdoor lounge, outdoor seating, "
    "dachterrasse, loggia, lanai, pergola",
    Room.LIVING: "living, living room, livingroom, lounge, sitting room, family room, great room, greatroom, den, "
    "wohnzimmer, wohnbereich, salon, sejour, sala, sala de estar, salotto, soggiorno, woonkamer",
    Room.DINING: "dining, dining room, diningroom, dining area, esszimmer, essbereich, salle a manger, comedor, "
    "sala da pranzo, sala de jantar, eetkamer, breakfast room, breakfast nook",
    Room.KITCHEN: "kitchen, kuche, kueche, cuisine, cocina, cucina, cozinha, keuken, pantry",
    Room.BEDROOM: "bedroom, bed room, bed, master bedroom, primary bedroom, master suite, primary suite, guest room, "
    "schlafzimmer, gastezimmer, chambre, dormitorio, habitacion, recamara, alcoba, camera da letto, quarto, "
    "slaapkamer, suite",
    Room.BATHROOM: "bathroom, bath room, bath, master bath, primary bath, ensuite, en suite, vanity, powder room, "
    "restroom, toilet, wc, bad, badezimmer, gastebad, salle de bain, salle de bains, sdb, bano, bagno, banheiro, "
    "badkamer, powder",
    Room.BATHTUB_SHOWER: "tub, bathtub, bath tub, shower, rain shower, walk in shower, soaking tub, dusche, badewanne, "
    "wanne, douche, baignoire, ducha, banera, doccia, vasca, chuveiro, steam shower",
    Room.HALLWAY: "hall, hallway, foyer, corridor, stairs, staircase, stairway, landing, lobby, flur, diele, treppe, "
    "couloir, escalier, pasillo, escalera, corridoio, scala, vestibule",
    Room.OFFICE: "office, study, home office, library, buro, buero, arbeitszimmer, bureau, oficina, despacho, ufficio, "
    "studio, escritorio",
    Room.DETAIL: "detail, details, closeup, close up, decor, detalle, dettaglio, vignette",
    Room.FLOOR_PLAN: "floorplan, floor plan, floorplans, site plan, siteplan, grundriss, lageplan, plan, plano, "
    "pianta, planimetria, planta, plattegrond",
}  # fmt: skip

_ROOMS = {word.strip(): room for room, words in _TOLD.items() for word in words.split(",")}
_OUTSIDE = frozenset({"outdoor", "outdoors", "outside", "exterior", "atrium", "aussen", "exterieur", "esterno"})
_ONLY_ALONE = frozenset({"front", "back", "rear", "house", "home", "outside", "exterior", "hero", "deck", "suite"})
"""Words that place or grade another one (``back bedroom``) and name a room only where no other does."""

_FEATURES = {
    "dusk": "dusk", "sunset": "dusk", "twilight": "dusk", "night": "dusk", "evening": "dusk", "abend": "dusk",
    "tub": "tub", "bathtub": "tub", "badewanne": "tub", "baignoire": "tub", "banera": "tub", "vasca": "tub",
    "shower": "shower", "dusche": "shower", "douche": "shower", "ducha": "shower", "doccia": "shower",
    "mirror": "mirror", "vanity": "basin", "basin": "basin", "sink": "basin",
    "bed": "bed", "bedroom": "bed", "table": "table", "dining": "table",
}  # fmt: skip
