// The address holds what a reload, the back key or a colleague needs: page, alert, filters.
import { NO_FILTERS, type Filters } from "./listing";

export const PAGES = ["desk", "shift", "duty", "silences", "load", "drills", "ledger", "agreements", "sessions", "portal"] as const;
export type Page = (typeof PAGES)[number];
export interface Route {
  page: Page;
  alert: string | null;
  /** Of the portal: a request's id, or one of its other parts. */
  item: string | null;
  filters: Filters;
}

const BASE = "/console/";

export function routeOf(pathname: string, search: string): Route {
  const query = new URLSearchParams(search);
  const [first = "", second] = pathname.replace(BASE, "").split("/").map(safely);
  const page = (PAGES as readonly string[]).includes(first) ? (first as Page) : "desk";
  const alert = first === "alerts" && second ? second : null;
  const item = (page === "portal" && second) || null;
  const filters = { ...NO_FILTERS };
  for (const name of Object.keys(NO_FILTERS) as (keyof Filters)[]) filters[name] = query.get(name) ?? "";
  return { page, alert, item, filters };
}

export function addressOf(route: Route): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(route.filters)) if (value) query.set(name, value);
  const path = route.alert
    ? `alerts/${encodeURIComponent(route.alert)}`
    : route.page === "desk"
      ? ""
      : route.page + (route.item ? `/${encodeURIComponent(route.item)}` : "");
  const tail = query.toString();
  return BASE + path + (tail ? `?${tail}` : "");
}

function safely(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return "";
  }
}
