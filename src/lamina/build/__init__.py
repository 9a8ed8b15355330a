"""Packages made from sources: recipes, their order, their builds."""
