"""A host application for Sparkplug B 3.0: what edge nodes say over MQTT, taken in order and without unseen loss."""
