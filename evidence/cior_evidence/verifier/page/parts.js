/* A package that came in several ZIPs, unpacked into one folder: which part is not there. */
const PARTS_LIST = "bag/meta/partes.json", MOST_PARTS = 999;
async function checkParts(folder, payload, report) {
  if (!folder.has(PARTS_LIST)) return;
  const found = (await readObject(folder, PARTS_LIST, report)).partes;
  const all = Array.isArray(found) && found.length <= MOST_PARTS ? found : [];
  const listed = all.map((part) => (Array.isArray(part) ? part.filter((path) => typeof path === "string").map((path) => `bag/${path}`) : []));
  const told = listed.flat(), once = new Set(told);
  if (listed.length < 2 || told.length !== once.size || once.size !== payload.size || [...payload.keys()].some((path) => !once.has(`bag/${path}`))) {
    report.say("part.list", PARTS_LIST, `${told.length} / ${payload.size}`);
    return;
  }
  listed.forEach((part, at) => {
    if (part.length && !part.some((path) => folder.has(path))) report.say("part.missing", `${at + 1}/${listed.length}`, part[0]);
  });
}
