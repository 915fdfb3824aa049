"""One module a board; :data:`BOARDS` is what is built, in the order in which people meet them."""

from __future__ import annotations

from cior_grafana.board import Board
from cior_grafana.boards import distrito, muro, salud

BOARDS: tuple[Board, ...] = (muro.BOARD, distrito.BOARD, salud.BOARD)
