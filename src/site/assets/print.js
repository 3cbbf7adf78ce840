// Printing: where style sheets cannot open folds, they are opened all at once, so without their names.
(function () {
  "use strict";
  var runbook = window.runbook;
  if (runbook.folds) { return; }
  runbook.folds = [];
  window.addEventListener("beforeprint", function () {
    runbook.folds = Array.from(document.querySelectorAll(".rb-branch, .rb-expected")).map(function (fold) {
      return { fold: fold, name: fold.getAttribute("name"), open: fold.open };
    });
    runbook.folds.forEach(function (one) { one.fold.removeAttribute("name"); });
    runbook.folds.forEach(function (one) { one.fold.open = true; });
  });
  window.addEventListener("afterprint", function () {
    runbook.folds.forEach(function (one) { one.fold.open = one.open; });
    runbook.folds.forEach(function (one) {
      if (one.name !== null) { one.fold.setAttribute("name", one.name); }
    });
    runbook.folds = [];
  });
})();
