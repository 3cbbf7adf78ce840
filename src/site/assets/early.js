// Before anything is painted: which extras this page shows, so that nothing moves later.
(function () {
  "use strict";
  // Not on the page for printing, which is all pages in one.
  if (/(^|\/)print\.html$/.test(window.location.pathname)) { return; }
  document.documentElement.classList.add("rb-extras");
  try {
    var steps = JSON.parse(window.localStorage.getItem("runbook.steps " + window.location.pathname));
    if (steps && steps.on && Date.now() - steps.at < 12 * 3600 * 1000) {
      document.documentElement.classList.add("rb-checking");
    }
  } catch (refused) { return; }
})();
