"use strict";
// Regions come from the server as HTML that it has escaped; the page only puts them in place.

const address = document.body.dataset.events;
const status = document.getElementById("status");
const SILENT_MS = 40000;
const AGAIN_MS = 5000;
let lastWord = Date.now();

function connected(isOn) {
  if (!status || status.classList.contains("off") === !isOn) return;
  status.classList.toggle("off", !isOn);
  status.querySelector("span").textContent = isOn ? status.dataset.on : status.dataset.off;
}

function place(name, html) {
  const region = document.querySelector(`[data-region="${name}"]`);
  if (!region) return;
  const focused = region.contains(document.activeElement) ? document.activeElement : null;
  const focusedId = focused && (focused.id || focused.closest("[id]")?.id);
  const isOpen = region.querySelector("details[open]") !== null;
  region.innerHTML = html;
  if (isOpen) region.querySelector("details")?.setAttribute("open", "");
  if (focusedId) document.getElementById(focusedId)?.focus({ preventScroll: true });
}

let source;

function listen() {
  source?.close();
  source = new EventSource(address);
  source.addEventListener("board", (message) => {
    lastWord = Date.now();
    connected(true);
    for (const [name, html] of Object.entries(JSON.parse(message.data))) place(name, html);
  });
  source.addEventListener("trouble", () => { lastWord = Date.now(); connected(false); });
  source.addEventListener("over", () => { source.close(); location.reload(); });
  source.onerror = () => {
    connected(false);
    // After an answer that is no stream (the session has ended, a proxy in front of a server that restarts) browsers do
    // not try again by themselves. The page is left only for one that answers.
    if (source.readyState === EventSource.CLOSED) setTimeout(comeBack, AGAIN_MS);
  };
}

async function comeBack() {
  const answer = await fetch(location.href).catch(() => null);
  if (answer && answer.ok) location.reload();
  else setTimeout(comeBack, AGAIN_MS);
}

if (address) {
  listen();
  window.addEventListener("offline", () => connected(false));
  // The old stream may look open and be dead: the network is another one.
  window.addEventListener("online", listen);
  setInterval(() => { if (Date.now() - lastWord > SILENT_MS) connected(false); }, 5000);
}

const audio = document.getElementById("recording");
if (audio) {
  const buttons = [...document.querySelectorAll(".seek")];
  for (const button of buttons) {
    button.addEventListener("click", () => {
      audio.currentTime = Number(button.dataset.at);
      audio.play();
    });
  }
  audio.addEventListener("timeupdate", () => {
    const now = buttons.filter((button) => Number(button.dataset.at) <= audio.currentTime + 0.05).pop();
    for (const button of buttons) button.closest("li").classList.toggle("playing", button === now && !audio.paused);
  });
}

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const open = document.querySelector("details.stop[open]");
  if (open) {
    open.removeAttribute("open");
    open.querySelector("summary").focus();
  }
});
