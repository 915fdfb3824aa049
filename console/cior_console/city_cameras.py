"""The city's cameras as screens see them: all of them on the map, and those that are offered for an alert, each with
what is known of its pictures now.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from cior_core.cameras import NO_CAMERAS, Cameras, CameraState, NearCamera, ShownCamera
from cior_core.model import Place
from cior_core.people import Scope
from cior_store.answers import CameraWord

FRESH_MS = 3_000
"""So long one answer of the store serves every screen: an opened alert must not wait for it."""

Words = Callable[[], Iterable[CameraWord]]
"""The store's word on every camera; blocking."""


class CityCameras:
    """The catalogue and the store's word on it. Without the store's word every camera is ``unknown``, never absent."""

    def __init__(
        self, cameras: Cameras = NO_CAMERAS, *, words: Words = tuple, now_ms: Callable[[], int] = lambda: 0
    ) -> None:
        self._cameras, self._words, self._now_ms = cameras, words, now_ms
        self._states: Mapping[str, CameraState] = {}
        self._asked_ms: int | None = None

    def states(self) -> Mapping[str, CameraState]:
        """By camera id; blocking when the last answer is older than :data:`FRESH_MS`. Raises ``SourceUnavailable``."""
        now_ms = self._now_ms()
        if self._asked_ms is None or not 0 <= now_ms - self._asked_ms < FRESH_MS:
            self._states = {word.camera: CameraState.of_state(word.state) for word in self._words()}
            self._asked_ms = now_ms
        return self._states

    @property
    def catalogue(self) -> Cameras:
        """All that the centre has, as they are written down."""
        return self._cameras

    def ids(self) -> frozenset[str]:
        """All that the centre has."""
        return frozenset(self._cameras)

    def nearest(
        self, place: Place, scope: Scope, states: Mapping[str, CameraState]
    ) -> tuple[NearCamera, ...]:
        """What is offered for ``place`` of the cameras that ``scope`` has; none where the place is reserved."""
        return self._of(scope).nearest(place, states)

    def shown(self, scope: Scope, states: Mapping[str, CameraState]) -> list[ShownCamera]:
        """The cameras of ``scope``, for a map."""
        return list(self._of(scope).shown(states))

    def has(self, camera: str, scope: Scope) -> bool:
        """Whether ``scope`` has this camera."""
        return camera in self._of(scope)

    def may_name(self, camera: str, scope: Scope) -> bool:
        """Whether ``scope`` may hear of it; one of no catalogue (aboard a bus) only where the scope is not narrowed."""
        return not (scope.districts or scope.cameras) or self.has(camera, scope)

    def is_near(self, camera: str, place: Place, scope: Scope) -> bool:
        """Whether it is one of those that can be offered for ``place``, whatever its state."""
        near = self._of(scope).nearest(place, {}, count=len(self._cameras))
        return any(each.id == camera for each in near)

    def _of(self, scope: Scope) -> Cameras:
        if not (scope.districts or scope.cameras):
            return self._cameras
        return Cameras(
            each
            for each in self._cameras.values()
            if (not scope.districts or each.district in scope.districts)
            and (not scope.cameras or each.id in scope.cameras)
        )
