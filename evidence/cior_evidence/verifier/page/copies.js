/* A copy made out of another package says which one and of which files, and never stands where originals stand. */
const COPY = `${META}copia.json`, VEILS = `${META}velos.jsonl`, HEX_DIGEST = /^[0-9a-f]{64}$/;
const DELIVERED = { ofClass: "nativo", folder: NATIVE };
const EXPECTED = { [VIEW]: { ofClass: "vista", folder: VIEWS }, [REDACTED]: { ofClass: "velada", folder: VIEWS } };
const OF_COPIES = ["vista", "velada"];
const isCopy = (request) => request.tipo === VIEW || request.tipo === REDACTED;
const expectedOf = (request) => (isCopy(request) ? EXPECTED[request.tipo] : DELIVERED);
const isDigest = (value) => typeof value === "string" && HEX_DIGEST.test(value);
async function checkCopy(folder, request, rows, report) {
  if (!isCopy(request)) return;
  report.say("copy.derived", REQUEST, request.deriva_de);
  if (!isDigest(request.deriva_de)) report.say("copy.nolink", REQUEST, "deriva_de");
  const told = await readObject(folder, COPY, report);
  if (!isObject(told.deriva_de) || told.deriva_de.tagmanifest_sha256 !== request.deriva_de) report.say("copy.nolink", COPY, "deriva_de");
  if (told.clase !== expectedOf(request).ofClass) report.say("copy.asnative", COPY, told.clase);
  for (const row of rows) {
    const where = `bag/${row.archivo}`, native = row.nativo;
    if (!isObject(native)) { report.say("copy.nolink", where, "nativo"); continue; }
    const isNamed = typeof native.archivo === "string" && native.archivo.startsWith(`${NATIVE}${row.camara}/`);
    if (!isNamed || !isDigest(native.sha256) || !isDigest(native.carga_sha256)) report.say("copy.nolink", where, native.archivo);
    const counts = [native.cuadros, row.cuadros, row.sin_decodificar];
    if (!counts.every(Number.isSafeInteger) || row.cuadros + row.sin_decodificar !== native.cuadros) report.say("copy.frames", where, `${row.cuadros} + ${row.sin_decodificar} / ${native.cuadros}`);
  }
  if (request.tipo === REDACTED) await checkVeils(folder, rows, report);
}
async function checkVeils(folder, rows, report) {
  const judged = new Map();
  for (const [number, row] of await readLines(folder, VEILS, report)) {
    const span = [row.desde_cuadro, row.hasta_cuadro];
    if (!span.every(Number.isSafeInteger)) report.say("meta.field", `${VEILS}:${number}`, "desde_cuadro, hasta_cuadro");
    else if (row.motivo === "mirado" || row.motivo === "sin_deteccion") judged.set(String(row.archivo), [...(judged.get(String(row.archivo)) || []), span]);
  }
  for (const row of rows) {
    let reached = 0;
    for (const [first, last] of (judged.get(String(row.archivo)) || []).sort((a, b) => a[0] - b[0] || a[1] - b[1])) {
      if (first > reached) break;
      reached = Math.max(reached, last);
    }
    if (!Number.isSafeInteger(row.cuadros) || reached < row.cuadros) report.say("copy.unveiled", `bag/${row.archivo}`, `${reached} / ${row.cuadros}`);
  }
}
