"""x"""


async def fill(town, *, stored, open): ...
