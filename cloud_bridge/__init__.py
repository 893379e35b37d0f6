"""The cloud side: uploads in, the published connected-car API out."""
