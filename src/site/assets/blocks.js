// The blocks of commands of a page, and one place to tell screen readers what has happened.
(function () {
  "use strict";
  // The page for printing holds the scripts of all pages.
  if (window.runbook) { return; }
  var originals = new WeakMap();
  var live = null;
  var runbook = window.runbook = {
    // Replaced by values.js, where a page has any.
    text: function (pre) { return runbook.original(pre); },
    all: function () { return Array.from(document.querySelectorAll("pre[data-step]")); },
    code: function (pre) { return pre.querySelector("code"); },
    // What was executed, to the letter.
    original: function (pre) {
      if (!originals.has(pre)) {
        var typed = pre.getAttribute("data-copy");
        originals.set(pre, typed === null ? runbook.code(pre).textContent : typed);
      }
      return originals.get(pre);
    },
    // A page of its own, not one of many on the page for printing.
    single: function () { return document.querySelectorAll(".rb-card").length < 2; },
    make: function (name, className, text) {
      var element = document.createElement(name);
      if (className) { element.className = className; }
      if (text) { element.textContent = text; }
      return element;
    },
    say: function (text) {
      if (!live) {
        live = runbook.make("div", "rb-said");
        live.setAttribute("role", "status");
        live.setAttribute("aria-live", "polite");
        document.body.appendChild(live);
      }
      live.textContent = "";
      window.setTimeout(function () { live.textContent = text; }, 50);
    },
    // For the length of a visit; a browser may refuse to store anything.
    remember: function (key, value) {
      try {
        if (value === null) { window.sessionStorage.removeItem("runbook." + key); }
        else { window.sessionStorage.setItem("runbook." + key, JSON.stringify(value)); }
      } catch (refused) { return; }
    },
    recall: function (key) {
      try { return JSON.parse(window.sessionStorage.getItem("runbook." + key)); }
      catch (refused) { return null; }
    }
  };
  runbook.say("");
})();
