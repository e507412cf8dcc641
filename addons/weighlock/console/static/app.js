"use strict";

// Times count on by themselves.
const UNITS = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
function span(seconds) {
  const rest = Math.max(0, Math.floor(seconds));
  const [size, unit] = UNITS.find(([size]) => rest >= size) || [1, "s"];
  return `${Math.floor(rest / size)} ${unit}`;
}
function tick() {
  const now = Date.now() / 1000;
  for (const time of document.querySelectorAll("time[data-ago]")) {
    time.textContent = `${span(now - time.dataset.ago)} ago`;
  }
  for (const time of document.querySelectorAll("time[data-left]")) {
    const left = time.dataset.left - now;
    time.textContent = left > 0 ? span(left) : "over";
    time.classList.toggle("soon", left < 300);
  }
}
tick();
setInterval(tick, 1000);

// The list, as it is now: one look for however many moves.
let looking = false;
let again = false;
function look() {
  const list = document.querySelector("#list[data-live]");
  if (!list) return;
  if (looking) {
    again = true;
    return;
  }
  looking = true;
  const request = new XMLHttpRequest();
  request.responseType = "document";
  request.open("GET", location.pathname);
  request.onloadend = () => {
    const fresh = request.response && request.response.querySelector("#list");
    if (request.status === 200 && fresh) {
      const focused = document.activeElement.closest?.("tr")?.dataset.id;
      const known = new Set([...document.querySelectorAll("#list tr[data-id]")].map((row) => row.dataset.id));
      list.replaceChildren(...document.importNode(fresh, true).childNodes);
      document.querySelector("#count").textContent = request.response.querySelector("#count").textContent;
      for (const row of document.querySelectorAll("#list tr[data-id]")) {
        row.classList.toggle("arrived", !known.has(row.dataset.id));
        if (row.dataset.id === focused) row.querySelector(".row").focus();
      }
      tick();
    } else if (request.status === 401) {
      location.reload();
    }
    setTimeout(() => {
      looking = false;
      if (again) {
        again = false;
        look();
      }
    }, 250);
  };
  request.send();
}

const sign = document.querySelector("#live");
function show(word, on) {
  sign.hidden = false;
  sign.textContent = word;
  sign.classList.toggle("on", on);
}
if (sign) {
  const source = new EventSource("/live");
  const here = document.querySelector("#moved") ? location.pathname.split("/")[2] : "";
  source.addEventListener("open", () => {
    show("Live", true);
    look(); // what moved while nobody listened
  });
  source.addEventListener("error", () => show(source.readyState === EventSource.CLOSED ? "Not live" : "Connecting", false));
  source.addEventListener("moved", (event) => {
    const { id } = JSON.parse(event.data);
    look();
    if (here && id === here) document.querySelector("#moved").hidden = false;
  });
  addEventListener("pagehide", () => source.close());
}

const help = document.querySelector("#help");

// Keys. None of them decides: they lead to where Enter does.
function step(by) {
  const rows = [...document.querySelectorAll("#list .row")];
  if (!rows.length) return;
  const at = rows.indexOf(document.activeElement);
  rows[at < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, at + by))].focus();
}
function open(id) {
  const details = document.querySelector(`#${id}`);
  if (!details) return;
  details.open = true;
  details.querySelector("input:not([type=hidden])").focus();
}
const KEYS = {
  j: () => step(1),
  k: () => step(-1),
  a: () => open("approve"),
  d: () => open("deny"),
  r: () => open("review"),
  g: () => location.assign("/grants"),
  u: () => location.assign("/"),
  "?": () => help.showModal(),
};
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const typing = event.target.closest?.("input, textarea, select, dialog:not(#help)");
  if (event.key === "Escape" && typing) {
    const details = event.target.closest("details");
    if (details) {
      details.open = false;
      details.querySelector("summary").focus();
    }
    return;
  }
  const act = !typing && help && KEYS[event.key];
  if (act) {
    event.preventDefault();
    help.close(); // it may be closing still: what it names works at once
    act();
  }
});
for (const details of document.querySelectorAll("details")) {
  details.addEventListener("toggle", () => details.open && details.querySelector("input:not([type=hidden])").focus());
}
// A form is sent once, however often it is clicked.
addEventListener("submit", (event) => {
  if (event.target.method !== "post") return;
  if (event.target.dataset.sent) event.preventDefault();
  event.target.dataset.sent = "yes";
});
