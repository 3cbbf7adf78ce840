// Copying a block that destroys something: asked before, with what it destroys and whose values it holds.
(function () {
  "use strict";
  var runbook = window.runbook;
  if (runbook.dangerous) { return; }
  runbook.dangerous = function (pre) { return runbook.code(pre).classList.contains("rb-danger"); };

  function row(parent, className, text) {
    parent.appendChild(runbook.make("p", className, text));
  }

  function dialog(pre, go) {
    var box = runbook.make("dialog", "rb-confirm");
    var heading = runbook.make("h2", "", "Copy commands that destroy or end something?");
    var warning = pre.querySelector(".rb-warning");
    var values = runbook.filled ? runbook.filled(pre) : [];
    var buttons = runbook.make("p", "rb-buttons");
    var cancel = runbook.make("button", "rb-cancel", "Cancel");
    var copy = runbook.make("button", "rb-copy-anyway", "Copy it");
    heading.id = "rb-confirm-title";
    box.setAttribute("aria-labelledby", heading.id);
    box.appendChild(heading);
    row(box, "", warning ? warning.textContent : "");
    values.forEach(function (value) {
      var note = value.fromLink ? ", from the link that brought you here: is it right?" : "";
      row(box, value.fromLink ? "rb-from-link" : "", value.label + ": " + value.value + note);
    });
    var code = runbook.make("pre", "rb-confirmed");
    code.textContent = runbook.text(pre);
    code.tabIndex = 0;
    box.appendChild(code);
    cancel.type = copy.type = "button";
    cancel.autofocus = true;
    buttons.appendChild(cancel);
    buttons.appendChild(copy);
    box.appendChild(buttons);
    cancel.addEventListener("click", function () { box.close(); });
    copy.addEventListener("click", function () {
      box.close();
      go();
    });
    box.addEventListener("close", function () { box.remove(); });
    document.body.appendChild(box);
    box.showModal();
    cancel.focus();
  }

  runbook.ask = function (pre, go) {
    if (!runbook.dangerous(pre)) { go(); } else { dialog(pre, go); }
  };
})();
