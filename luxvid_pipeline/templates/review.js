"use strict";
(() => {
  const root = document.documentElement;
  const theme = document.getElementById("theme");
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  theme.hidden = false;
  theme.addEventListener("click", () => {
    const now = root.dataset.theme || (dark.matches ? "dark" : "light");
    root.dataset.theme = now === "dark" ? "light" : "dark";
  });

  const film = document.getElementById("film");
  if (!film) return;
  const wave = document.getElementById("wave");
  const head = document.getElementById("head");
  const played = document.getElementById("played-part");
  const told = document.getElementById("told");
  const cards = [...document.querySelectorAll(".card[data-scene]")];
  const stills = [...document.querySelectorAll(".still")];
  const whole = played ? played.ownerSVGElement.viewBox.baseVal.width : 0;
  let here = -1;

  // Some browsers cannot jump inside a data: address; a blob of the same bytes they can.
  const [, kind, data] = film.src.match(/^data:([^;]+);base64,(.*)$/) || [];
  if (data) {
    const text = atob(data);
    const bytes = new Uint8Array(text.length);
    for (let at = 0; at < text.length; at += 1) bytes[at] = text.charCodeAt(at);
    film.src = URL.createObjectURL(new Blob([bytes], { type: kind }));
  }

  const length = () => film.duration || Number(wave && wave.dataset.duration) || 0;
  const clock = (s) => `${Math.floor(s / 60)}:${String(Math.floor(s % 60)).padStart(2, "0")}`;

  function show() {
    const at = film.currentTime;
    const share = length() ? Math.min(1, at / length()) : 0;
    if (wave) {
      head.style.left = `${share * 100}%`;
      played.setAttribute("width", String(share * whole));
      wave.setAttribute("aria-valuenow", at.toFixed(1));
    }
    let now = cards.findIndex((card) => at < Number(card.dataset.until) - 0.001);
    if (now < 0) now = cards.length - 1;
    if (wave) wave.setAttribute("aria-valuetext", `${clock(at)}, scene ${now + 1}`);
    if (now === here) return;
    here = now;
    cards.forEach((card, place) => card.classList.toggle("now", place === now));
    stills.forEach((still, place) => {
      if (place === now) still.setAttribute("aria-current", "true");
      else still.removeAttribute("aria-current");
    });
  }

  function tick() {
    show();
    if (!film.paused && !film.ended) requestAnimationFrame(tick);
  }

  function seek(to, { play } = {}) {
    film.currentTime = Math.max(0, Math.min(to, length() - 0.02));
    if (play === true) film.play().catch(() => {});
    if (play === false) film.pause();
    show();
  }

  function bringIntoView() {
    const box = film.getBoundingClientRect();
    if (box.top < 0 || box.bottom > window.innerHeight) film.scrollIntoView({ block: "start" });
  }

  film.addEventListener("play", () => requestAnimationFrame(tick));
  ["timeupdate", "seeked", "loadedmetadata", "ended"].forEach((event) => film.addEventListener(event, show));

  document.addEventListener("click", (event) => {
    if (!(event.target instanceof Element)) return;
    const button = event.target.closest("button[data-seek]");
    const card = event.target.closest(".card[data-seek]");
    if (button) {
      seek(Number(button.dataset.seek), { play: !("hold" in button.dataset) });
      bringIntoView();
      told.textContent = `${clock(Number(button.dataset.seek))}, scene ${here + 1}`;
    } else if (card && !event.target.closest("details, a, button") && !String(window.getSelection())) {
      seek(Number(card.dataset.seek), { play: true });
      bringIntoView();
    }
  });

  if (wave) {
    const to = (event) => {
      const box = wave.getBoundingClientRect();
      seek(((event.clientX - box.left) / box.width) * length());
    };
    wave.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      wave.setPointerCapture(event.pointerId);
      to(event);
    });
    wave.addEventListener("pointermove", (event) => {
      if (wave.hasPointerCapture(event.pointerId)) to(event);
    });
  }

  // Space and the arrows, unless a control under the focus has its own use for them.
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    const at = event.target instanceof Element ? event.target : document.body;
    const own = at.closest("button, a, summary, video, input, textarea, select");
    const slider = wave && at === wave;
    const starts = cards.map((card) => Number(card.dataset.seek));
    const next = starts.find((start) => start > film.currentTime + 0.01);
    const before = starts.filter((start) => start < film.currentTime - 0.5).pop();
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowDown: slider ? -1 : 0, ArrowUp: slider ? 1 : 0 }[event.key];
    let done = true;
    if (event.key === " " && !own) film.paused ? film.play().catch(() => {}) : film.pause();
    else if (step && (!own || own.matches(".still, .play, .shot"))) seek(film.currentTime + step);
    else if (slider && event.key === "Home") seek(0);
    else if (slider && event.key === "End") seek(length());
    else if (slider && event.key === "PageDown") seek(next === undefined ? length() : next);
    else if (slider && event.key === "PageUp") seek(before === undefined ? 0 : before);
    else done = false;
    if (done) event.preventDefault();
  });

  show();
})();
