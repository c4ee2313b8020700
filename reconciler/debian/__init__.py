"""Debian's packages, fetched and verified by apt, and unpacked in memory; nothing is installed.

The node image is made of them, and the lab's other engines are. It must not know what either is for.
"""
