/* The page: what was given, the verdict, and nothing that leaves it. */
const WORDS = {
  es: {
    title: "Verificar un paquete de evidencia", lead: "Nada de lo que elija sale de este navegador. Esta página no tiene red.",
    folder: "Carpeta del paquete", drop: "o suelte la carpeta acá", root: "Certificado raíz (raiz.pem), de AFUERA del paquete",
    digest: "SHA-256 del acta o del recibo (opcional)", key: "Clave del registro (opcional)", kept: "Checkpoints guardados antes de la entrega (opcional)",
    at: "Juzgar los certificados en otro instante (opcional)", go: "Verificar", busy: "Verificando…", facts: "Qué dice el paquete", steps: "Paso por paso",
    error: "MAL", unproven: "SIN PROBAR", note: "nota", fine: "sin defectos", language: "English", unusable: "No se puede usar: ",
    none: "Primero elija la carpeta del paquete.", verdicts: ["SIN DEFECTOS: todo lo que esta página comprueba concuerda.", "CON DEFECTOS: vea cada línea MAL.", "NO PROBADO: nada está mal, pero falta algo de afuera."],
    limits: "Un navegador no ve enlaces, carpetas vacías elegidas con el botón ni flujos ocultos, y no abre ZIP: para eso está verify.py.",
  },
  en: {
    title: "Verify an evidence package", lead: "Nothing that you choose leaves this browser. This page has no network.",
    folder: "The package's folder", drop: "or drop the folder here", root: "Root certificate (raiz.pem), from OUTSIDE the package",
    digest: "SHA-256 of the act or receipt (optional)", key: "The ledger's key (optional)", kept: "Checkpoints kept before the hand-over (optional)",
    at: "Judge certificates at another instant (optional)", go: "Verify", busy: "Verifying…", facts: "What the package says", steps: "Step by step",
    error: "WRONG", unproven: "NOT PROVEN", note: "note", fine: "no defects", language: "Español", unusable: "Cannot be used: ",
    none: "Choose the package's folder first.", verdicts: ["NO DEFECTS: everything that this page checks agrees.", "DEFECTS: see each line marked WRONG.", "NOT PROVEN: nothing is wrong, but something from outside is missing."],
    limits: "A browser sees no links, no empty folders chosen by the button and no hidden streams, and opens no ZIP: verify.py does.",
  },
};
let language = "es", chosen = new Map(), empties = [], last = null;
const $ = (id) => document.getElementById(id);

async function verify(files, given, progress, more) {
  const report = new Report(), folder = new Files(files, progress);
  for (const path of more) report.say("dir.empty", path);
  if (!files.size) { report.say("pkg.empty"); return report; }
  checkPlaces(folder, report);
  const payload = await checkBag(folder, report);
  await checkParts(folder, payload, report);
  const trust = await gather(folder, given.roots, report), sealed = await checkSeal(folder, trust, report, given.at);
  const contents = await checkContents(folder, payload, report), picture = await checkFootage(folder, contents.request, payload, report);
  const opening = await checkBoxes(folder, contents.request, payload, report);
  await checkDeclared(folder, sealed, contents.tools, report);
  for (const each of [contents.latest, picture, opening]) if (sealed.at !== null && each !== null && each > sealed.at + TWO_CLOCKS) report.say("time.beforeevent", "bag", `${shown(each)} > ${shown(sealed.at)}`);
  await checkLedger(folder, contents, given, report);
  await checkActs(folder, report);
  await checkRenewals(folder, sealed, trust, report);
  if (folder.has(`bag/${TAGS}`)) {
    const found = (await folder.digests(`bag/${TAGS}`))[0];
    report.facts["tagmanifest-sha256"] = found;
    if (given.digest && given.digest !== found) report.say("digest.other", `bag/${TAGS}`, given.digest);
  }
  if (sealed.at !== null) report.facts.sellado = `${shown(sealed.at)} UTC`;
  if (sealed.signer) report.facts.firmante = `${sealed.signer.name} ${sealed.signer.fingerprint}`;
  return report;
}

async function given() {
  const bytes = async (file) => new Uint8Array(await file.arrayBuffer());
  const roots = [];
  for (const file of $("root").files) roots.push(...pemBlocks(await bytes(file), "CERTIFICATE").map((raw) => new Certificate(raw)));
  if ($("root").files.length && !roots.length) throw new Malformed("raiz.pem");
  const kept = [];
  for (const file of $("kept").files) kept.push(readCheckpoint(await bytes(file)));
  const at = $("at").value.trim() ? instant($("at").value.trim()) : null;
  if ($("at").value.trim() && at === null) throw new Malformed("2027-01-31T12:00:00Z");
  return { roots, kept, at, key: $("key").value.trim() ? readKey($("key").value) : null, digest: $("digest").value.replace(/\s+/g, "").toLowerCase() };
}

const below = (path) => path.split("/").slice(1).join("/");
function take(files) {
  chosen = new Map([...files].map((file) => [below(file.webkitRelativePath), file])); empties = [];
  tellChosen();
}
async function walk(entry, path, found, empty) {
  if (entry.isFile) { found.set(path, await new Promise((good, bad) => { entry.file(good, bad); })); return; }
  const reader = entry.createReader();
  let count = 0;
  for (;;) {
    const part = await new Promise((good, bad) => { reader.readEntries(good, bad); });
    if (!part.length) break;
    count += part.length;
    for (const each of part) await walk(each, path ? `${path}/${each.name}` : each.name, found, empty);
  }
  if (!count && path) empty.push(`${path}/`);
}
async function dropped(event) {
  event.preventDefault();
  $("drop").classList.remove("over");
  const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry()).filter((entry) => entry && entry.isDirectory);
  if (entries.length !== 1) { tell(WORDS[language].none, "none"); return; }
  const found = new Map(), empty = [];
  await walk(entries[0], "", found, empty);
  chosen = found; empties = empty;
  tellChosen();
}
function tellChosen() {
  const size = [...chosen.values()].reduce((sum, file) => sum + file.size, 0);
  $("chosen").textContent = chosen.size ? `${chosen.size} · ${(size / 1048576).toFixed(1)} MiB` : "";
}
function tell(text, exit) { $("verdict").textContent = text; $("verdict").dataset.exit = exit; }

async function go() {
  const words = WORDS[language];
  $("result").hidden = true;
  if (!chosen.size) { tell(words.none, "none"); return; }
  tell(words.busy, "busy");
  $("go").disabled = true;
  const total = [...chosen.values()].reduce((sum, file) => sum + file.size, 0);
  let done = 0, paused = performance.now();
  const progress = async (path, size) => {
    done += size;
    if (performance.now() - paused < 100) return;
    $("progress").value = total ? done / total : 0;
    await new Promise((next) => { setTimeout(next); });
    paused = performance.now();
  };
  $("progress").hidden = false;
  try {
    last = await verify(chosen, await given(), progress, empties);
    show();
  } catch (why) {
    tell(`${words.unusable}${why.message}`, "unusable");
  }
  $("progress").hidden = true;
  $("go").disabled = false;
}
function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}
const visible = (text) => text.replace(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
function show() {
  const words = WORDS[language], place = language === "es" ? 0 : 1;
  tell(words.verdicts[last.exit], String(last.exit));
  const facts = $("facts"), steps = $("steps");
  facts.replaceChildren(); steps.replaceChildren();
  for (const name of Object.keys(last.facts).sort()) facts.append(element("dt", name), element("dd", visible(last.facts[name])));
  for (const step of Object.keys(STEPS).map(Number)) {
    const found = last.findings.filter((each) => each.step === step), item = element("li", "");
    const isFine = !found.some((each) => each.weight !== "note");
    item.append(element("span", STEPS[step][place]), document.createTextNode(" "));
    if (isFine) item.append(element("strong", `✓ ${words.fine}`, { class: "fine" }));
    const list = element("ul", "");
    for (const each of found) {
      const row = element("li", "", { "data-code": each.code, "data-weight": each.weight });
      row.append(element("strong", words[each.weight], { class: each.weight }), document.createTextNode(" "), element("code", each.code), document.createTextNode(` ${visible(each.path)}`), document.createElement("br"), document.createTextNode(`${SENTENCES[each.code][2 + place]}${each.detail ? ` (${visible(each.detail)})` : ""}`));
      list.append(row);
    }
    if (found.length) item.append(list);
    steps.append(item);
  }
  $("result").hidden = false;
}
function translate() {
  const words = WORDS[language];
  document.documentElement.lang = language;
  document.title = words.title;
  for (const each of document.querySelectorAll("[data-word]")) each.textContent = words[each.dataset.word];
  $("language").lang = language === "es" ? "en" : "es";
  if (last && $("verdict").dataset.exit in [0, 1, 2]) show();
}
$("folder").addEventListener("change", () => take($("folder").files));
$("go").addEventListener("click", go);
$("language").addEventListener("click", () => { language = language === "es" ? "en" : "es"; translate(); });
for (const name of ["dragover", "drop"]) document.addEventListener(name, (event) => event.preventDefault());
$("drop").addEventListener("dragover", () => $("drop").classList.add("over"));
$("drop").addEventListener("dragleave", () => $("drop").classList.remove("over"));
$("drop").addEventListener("drop", dropped);
translate();
