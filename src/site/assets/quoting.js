// A value as a piece of a shell script. What is not said to be safe here is refused.
(function () {
  "use strict";
  var runbook = window.runbook;
  if (runbook.quoting) { return; }
  // They mean nothing to a shell, however often it reads them.
  var PLAIN = /^[A-Za-z0-9_.:][A-Za-z0-9_.:@+-]*$/;
  var PATH = /^[A-Za-z0-9_.:\/][A-Za-z0-9_.:@+\/-]*$/;
  var INVISIBLE = /[\p{Cc}\p{Cf}\p{Cn}\p{Co}\p{Cs}\p{Zl}\p{Zp}]/u;
  var LONGEST = 200;

  function single(value) {
    return "'" + value.replace(/'/g, "'\\''") + "'";
  }

  runbook.quoting = {
    // Why it is no value at all, or "".
    fault: function (value) {
      if (value.length > LONGEST) { return "is longer than " + LONGEST + " characters"; }
      if (INVISIBLE.test(value)) { return "has characters that cannot be seen"; }
      if (value.charAt(0) === "-") { return "begins with -, like an option"; }
      if (/^\.+$|(^|\/)\.\.(\/|$)/.test(value)) { return "leads to a folder above"; }
      return "";
    },
    // Whether it may stand where nothing is known of its quotes.
    isPlain: function (value) { return PLAIN.test(value); },
    isPlainPath: function (value) { return PATH.test(value); },
    // In words without quotes, in "…" and in '…'; null where it fits nowhere.
    quoted: function (value, quotes) {
      if (PLAIN.test(value)) { return value; }
      if (quotes === "open") { return single(value); }
      // Beside the double quotes, not in them: there a shell for people reads "!".
      if (quotes === "double") { return "\"" + single(value) + "\""; }
      if (quotes === "single") { return value.replace(/'/g, "'\\''"); }
      return null;
    },
    assignment: function (variable, value) { return "export " + variable + "=" + single(value); }
  };
})();
