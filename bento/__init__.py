"""The BentoML service: schemas, the lean route and the web page."""
