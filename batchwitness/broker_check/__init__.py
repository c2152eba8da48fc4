"""`batchwitness broker-check`: what a broker really does, tried on topics of the check's own."""
