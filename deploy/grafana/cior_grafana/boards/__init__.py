"""One module a board; :data:`BOARDS` is what is built, in the order in which people meet them."""

from __future__ import annotations

from cior_grafana.board import Board
from cior_grafana.boards import (
    alarmas,
    camaras,
    carga,
    distrito,
    falsas_alarmas,
    llamadas,
    muro,
    observatorio,
    pedidos,
    salud,
    tiempos,
    transporte,
)

BOARDS: tuple[Board, ...] = (
    muro.BOARD,
    distrito.BOARD,
    camaras.BOARD,
    transporte.BOARD,
    alarmas.BOARD,
    llamadas.BOARD,
    tiempos.BOARD,
    falsas_alarmas.BOARD,
    carga.BOARD,
    pedidos.BOARD,
    salud.BOARD,
    observatorio.BOARD,
)
