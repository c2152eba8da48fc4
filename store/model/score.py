"""How near to a limit a score has to come to be told of beside the largest."""

NEAR = 0.75  # of a limit; what stays farther from it tells nothing, and many such tags would drown the few that do
