"""How a vendor's object becomes a model record and back; users override it in YAML."""
