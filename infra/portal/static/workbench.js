// The pages work without this. With it, what is typed is checked while it is typed; nothing is saved before "Save".
"use strict";
for (const form of document.querySelectorAll("form[data-check]")) {
  const status = form.querySelector("[data-status]");
  let waiting = 0, asked = 0, dirty = false;
  const show = (id, message) => {
    const place = document.getElementById(id + "-fault"), cell = document.getElementById(id);
    if (place && place.textContent !== message) place.textContent = message;
    if (cell && cell.name) message ? cell.setAttribute("aria-invalid", "true") : cell.removeAttribute("aria-invalid");
    if (cell && !cell.name) cell.classList.toggle("wrong", Boolean(message));
  };
  const check = async () => {
    const turn = ++asked;
    let found;
    try {
      const answer = await fetch(form.dataset.check, { method: "POST", body: new FormData(form) });
      if (!answer.ok) return;
      found = await answer.json();
    } catch { return; }
    if (turn !== asked) return;
    for (const cell of form.querySelectorAll("tbody input")) show(cell.id, (found.cells || {})[cell.id] || "");
    for (const row of form.querySelectorAll("tbody tr[id]")) show(row.id, (found.rows || {})[row.id] || "");
    const list = form.querySelector("[data-faults]");
    if (list) list.replaceChildren(...found.lines.map(fault => {
      const item = document.createElement("li");
      item.textContent = (fault.line ? fault.line + ": " : "") + fault.message;
      return item;
    }));
    const count = found.lines ? found.lines.length : Object.keys(found.cells).length + Object.keys(found.rows).length + found.file.length;
    if (status) status.textContent = count ? "✕ " + count : "✓";
  };
  form.addEventListener("input", () => { dirty = true; clearTimeout(waiting); waiting = setTimeout(check, 500); });
  form.addEventListener("submit", () => { dirty = false; });
  addEventListener("beforeunload", event => { if (dirty) event.preventDefault(); });
  form.addEventListener("keydown", event => {   // up and down the column, as in a sheet
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key], cell = event.target;
    if (!step || !event.altKey || cell.tagName !== "INPUT") return;
    const row = step < 0 ? cell.closest("tr").previousElementSibling : cell.closest("tr").nextElementSibling;
    const next = row && row.children[cell.closest("td").cellIndex].querySelector("input");
    if (next) { next.focus(); event.preventDefault(); }
  });
}
