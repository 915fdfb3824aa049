// The address as state: what changes it goes through here, so that Back brings back what was seen.
import { signal } from "@preact/signals";
import { addressOf, routeOf, type Page, type Route } from "../core/route";
import type { Filters } from "../core/listing";

const here = (): Route => routeOf(location.pathname, location.search);
export const route = signal<Route>(here());

export function startRoute(): void {
  addEventListener("popstate", () => {
    route.value = here();
  });
}

function go(next: Route, isNewStep: boolean): void {
  route.value = next;
  const address = addressOf(next);
  if (address === location.pathname + location.search) return;
  if (isNewStep) history.pushState(null, "", address);
  else history.replaceState(null, "", address);
}

export const toPage = (page: Page): void => go({ ...route.value, page, alert: null, item: null }, true);

/** A request of the portal, or another part of it; null: its list. */
export const toPortal = (item: string | null): void => go({ ...route.value, page: "portal", alert: null, item }, true);

/** Choose an alert. Going along the list replaces the step: Back leads to before, not through each row. */
export function toAlert(alert: string | null, isNewStep = false): void {
  go({ ...route.value, page: "desk", alert, item: null }, isNewStep);
}

export const toFilters = (filters: Filters): void => go({ ...route.value, filters }, false);
