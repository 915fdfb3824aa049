// The desk: queue, alert and map are one selection. A wall has no alert to open: queue, map and blind spots, to be read
// from across the room.
import { Suspense, lazy } from "preact/compat";
import type { JSX } from "preact";
import { AlertPanel } from "../alert/panel";
import { QueuePanel } from "../queue/panel";
import { isWall, may, mayAct } from "../state/session";
import { Button } from "../frame/button";
import { t } from "../words/words";
import { isOpeningByHand, isPosture } from "./by_hand";
import { BlindSpots } from "./blind_spots";

// The map is a chunk of its own: the queue is there before it.
const MapPanel = lazy(() => import("../map/panel"));

export function Desk(): JSX.Element {
  return (
    <main class={isWall.value ? "desk wall" : "desk"}>
      <QueuePanel />
      {isWall.value ? null : <AlertPanel />}
      <div class="side">
        <Suspense
          fallback={
            <section class="panel map">
              <p class="dim">{t("loading")}</p>
            </section>
          }
        >
          <MapPanel />
        </Suspense>
        {may("blind_spots.read") ? <BlindSpots /> : null}
        {mayAct.value ? (
          <div class="acts" role="toolbar" aria-label={t("acts_city")}>
            <Button
              hint="B"
              onPress={() => {
                isOpeningByHand.value = true;
              }}
            >
              {t("open_by_hand")}
            </Button>
            {may("posture.set") ? (
              <Button
                hint="P"
                onPress={() => {
                  isPosture.value = true;
                }}
              >
                {t("posture")}
              </Button>
            ) : null}
          </div>
        ) : null}
      </div>
    </main>
  );
}
