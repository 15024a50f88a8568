"""Holds a running daemon against openapi.yaml."""
