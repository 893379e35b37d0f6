"""Remote actions, as functions of data: how they are asked for, and their life from the request to what came of it."""
