// Copying a block: exactly what was executed, with the reader's values in it.
(function () {
  "use strict";
  var runbook = window.runbook;
  if (runbook.copy) { return; }

  // Where there is no clipboard, as over http: a selection in a field of its own.
  function bySelection(text) {
    var field = runbook.make("textarea", "rb-said");
    var focused = document.activeElement;
    var done = false;
    field.value = text;
    field.setAttribute("readonly", "");
    field.setAttribute("aria-hidden", "true");
    document.body.appendChild(field);
    field.select();
    field.setSelectionRange(0, text.length);
    try { done = document.execCommand("copy"); } catch (refused) { done = false; }
    field.remove();
    if (focused && focused.focus) { focused.focus({ preventScroll: true }); }
    return done;
  }

  function told(button, done) {
    var tip = button && button.querySelector(".tooltiptext");
    var text = done ? "Copied" : "Not copied: select it by hand";
    runbook.say(text);
    if (!tip) { return; }
    tip.textContent = text;
    button.classList.add("tooltipped");
    window.setTimeout(function () {
      tip.textContent = "";
      button.classList.remove("tooltipped");
    }, 2000);
  }

  runbook.copy = function (text, button) {
    document.documentElement.dataset.rbCopied = text;
    if (navigator.clipboard && window.isSecureContext) {
      navigator.clipboard.writeText(text).then(
        function () { told(button, true); },
        function () { told(button, bySelection(text)); }
      );
    } else {
      told(button, bySelection(text));
    }
  };

  // Replaced by danger.js: whether a block may be copied at once.
  runbook.ask = function (pre, go) { go(); };

  // Before mdBook's own handler, which would copy what is shown.
  document.addEventListener("click", function (event) {
    var button = event.target.closest && event.target.closest(".clip-button");
    var pre = button && button.closest("pre[data-step]");
    if (!pre) { return; }
    event.stopImmediatePropagation();
    event.preventDefault();
    var refused = runbook.refused && runbook.refused(pre);
    if (refused) {
      runbook.say(refused);
      return;
    }
    runbook.ask(pre, function () { runbook.copy(runbook.text(pre), button); });
  }, true);

  // Whoever cannot see the button's picture hears which block it copies.
  document.addEventListener("DOMContentLoaded", function () {
    runbook.all().forEach(function (pre) {
      var button = pre.querySelector(".clip-button");
      if (button) { button.setAttribute("aria-label", "Copy block " + pre.getAttribute("data-step")); }
    });
  });
})();
