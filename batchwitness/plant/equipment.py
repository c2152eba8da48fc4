"""The plant's equipment: where batches are made."""

SITE = "leiden"
TIMEZONE = "Europe/Amsterdam"
BIOREACTOR_HALL = "bioreactor-hall"
INCUBATOR_ROOM = "incubator-room"
BIOREACTORS = ("BR-01", "BR-02", "BR-03", "BR-04")
INCUBATORS = ("INC-01", "INC-02")
BIOREACTOR_POSITION = "A"
SHELVES = ("A", "B", "C", "D")  # positions of an incubator
