// Working through an issue page: steps to tick, how many are done, and where it went on.
(function () {
  "use strict";
  var runbook = window.runbook;
  var bar = document.querySelector(".rb-bar");
  if (runbook.steps || !bar || !runbook.single()) { return; }
  var root = document.documentElement;
  var key = "runbook.steps " + window.location.pathname;
  var LONGEST = 12 * 3600 * 1000;
  var start = document.querySelector(".rb-start button");
  var progress = bar.querySelector(".rb-progress");
  var next = bar.querySelector(".rb-next");

  function load() {
    try {
      var stored = JSON.parse(window.localStorage.getItem(key));
      return stored && Date.now() - stored.at < LONGEST ? stored : null;
    } catch (refused) { return null; }
  }

  var state = runbook.steps = load() || { on: false, ticked: [], ran: 0, since: null };
  var listeners = [];

  function save() {
    state.at = Date.now();
    try { window.localStorage.setItem(key, JSON.stringify(state)); } catch (refused) { return; }
  }

  function number(pre) { return Number(pre.getAttribute("data-step")); }

  function cause(pre) { return pre.getAttribute("data-cause"); }

  var blocks = runbook.all().filter(function (pre) { return pre.querySelector(".rb-tick"); });

  function isTicked(pre) { return state.ticked.indexOf(number(pre)) >= 0; }

  // The causes that somebody works at: of the address, and those with a step that is done.
  function causes() {
    var here = decodeURIComponent(window.location.hash.slice(1));
    var found = blocks.filter(isTicked).map(cause).filter(Boolean);
    return new Set(found.concat(blocks.some(function (pre) { return cause(pre) === here; }) ? [here] : []));
  }

  // What is to be done: the steps of all causes, and those of the causes in question.
  function due() {
    var own = causes();
    return blocks.filter(function (pre) { return !cause(pre) || own.has(cause(pre)); });
  }

  function update() {
    var steps = due();
    var done = steps.filter(isTicked);
    var left = steps.filter(function (pre) { return !isTicked(pre); })[0];
    var chosen = causes().size > 0 || !blocks.some(cause);
    blocks.forEach(function (pre) {
      pre.querySelector(".rb-tick input").checked = isTicked(pre);
      pre.classList.toggle("rb-done", isTicked(pre));
    });
    progress.textContent = done.length + " of " + steps.length + " steps" + (chosen ? "" : ", and those of the cause");
    next.hidden = !left;
    if (left) { next.textContent = "Go to step " + number(left); }
    document.querySelectorAll(".rb-still-broken a[data-cause]").forEach(function (link) {
      var own = link.getAttribute("data-cause");
      var tried = blocks.some(function (pre) { return cause(pre) === own && isTicked(pre); });
      link.classList.toggle("rb-tried", tried);
    });
    root.classList.toggle("rb-checking", state.on);
    start.setAttribute("aria-expanded", String(state.on));
    start.textContent = state.on ? "Close the checklist" : "Checklist and timer";
  }

  function changed() {
    save();
    update();
    listeners.forEach(function (tell) { tell(); });
  }

  runbook.onSteps = function (tell) { listeners.push(tell); };
  runbook.stepsChanged = changed;

  start.addEventListener("click", function () {
    state.on = !state.on;
    if (state.on && state.ran === 0 && state.since === null) { state.since = Date.now(); }
    changed();
    runbook.say(state.on ? "Checklist: " + progress.textContent : "The checklist is closed; it keeps its place.");
  });
  blocks.forEach(function (pre) {
    pre.querySelector(".rb-tick input").addEventListener("change", function (event) {
      var own = number(pre);
      state.ticked = state.ticked.filter(function (one) { return one !== own; });
      if (event.target.checked) { state.ticked.push(own); }
      changed();
      runbook.say(progress.textContent);
    });
  });
  next.addEventListener("click", function () {
    var left = due().filter(function (pre) { return !isTicked(pre); })[0];
    if (!left) { return; }
    left.scrollIntoView({ block: "center" });
    left.querySelector(".rb-tick input").focus({ preventScroll: true });
  });
  bar.querySelector(".rb-restart").addEventListener("click", function () {
    state.ticked = [];
    state.ran = 0;
    state.since = null;
    changed();
    runbook.say("No step is done; the timer stands at 0.");
  });
  window.addEventListener("hashchange", update);
  update();
})();
