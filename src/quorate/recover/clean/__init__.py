"""Clean-up that cannot hurt: what nothing needs any more, decided purely, removed one by one.

`needs` says what the fleet could need again, `choose` what of a server's images, containers and
networks may go, `look` asks the engines, `act` removes.
"""
