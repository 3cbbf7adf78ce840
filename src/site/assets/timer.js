// The time since work at a page began, against its target.
(function () {
  "use strict";
  var runbook = window.runbook;
  var clock = document.querySelector(".rb-bar .rb-clock");
  if (runbook.timer || !clock || !runbook.steps) { return; }
  runbook.timer = true;
  var state = runbook.steps;
  var button = document.querySelector(".rb-bar .rb-run");
  var target = Number(clock.getAttribute("data-target"));
  var told = elapsed() / target;

  function elapsed() {
    return state.ran + (state.since === null ? 0 : Date.now() - state.since);
  }

  function minutes(ms) {
    var seconds = Math.floor(ms / 1000);
    var rest = String(seconds % 60);
    return Math.floor(seconds / 60) + ":" + (rest.length < 2 ? "0" : "") + rest;
  }

  // Twice only: a screen reader that counts seconds lets nobody think.
  function tell(part) {
    if (told < 0.5 && part >= 0.5 && part < 1) {
      runbook.say("Half of the time is over: " + minutes(target - elapsed()) + " are left.");
    } else if (told < 1 && part >= 1) {
      runbook.say("The time of " + minutes(target) + " is over: think of escalating.");
    }
    told = part;
  }

  function show() {
    var ms = elapsed();
    clock.textContent = minutes(ms) + " of " + minutes(target) + (ms > target ? ", over" : "");
    clock.classList.toggle("rb-over", ms > target);
    button.textContent = state.since === null ? "Start the timer" : "Pause";
    tell(ms / target);
  }

  button.addEventListener("click", function () {
    if (state.since === null) {
      state.since = Date.now();
    } else {
      state.ran = elapsed();
      state.since = null;
    }
    runbook.stepsChanged();
  });
  runbook.onSteps(show);
  window.setInterval(show, 1000);
  show();
})();
