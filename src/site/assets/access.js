(function () {
  "use strict";
  // What scrolls sideways must be reachable by the keyboard, what does not should not be a stop.
  function reach() {
    document.querySelectorAll("main pre > code, main .table-wrapper").forEach(function (box) {
      if (box.scrollWidth > box.clientWidth) {
        box.tabIndex = 0;
      } else {
        box.removeAttribute("tabindex");
      }
    });
  }
  window.addEventListener("load", reach);
  window.addEventListener("resize", reach);
  // What was folded away has no width until it is opened.
  document.addEventListener("toggle", reach, true);
  var button = document.querySelector("button#mdbook-sidebar-toggle");
  var box = document.getElementById("mdbook-sidebar-toggle-anchor");
  if (button && box) {
    // After mdBook's own listener, which shows the sidebar before it slides.
    button.addEventListener("click", function () { window.setTimeout(function () { box.click(); }); });
  }
})();
