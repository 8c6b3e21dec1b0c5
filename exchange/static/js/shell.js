// What every page does beyond HTML: token for htmx, focus on errors, drafts kept while typing, file drop, theme.
// Nothing here is needed to use the exchange: each form is sent and answered without it.
(function () {
  "use strict";
  var root = document.documentElement;
  var token = document.querySelector('meta[name="csrf-token"]');

  document.addEventListener("htmx:configRequest", function (event) {
    if (token) event.detail.headers["X-CSRFToken"] = token.content;
  });

  // The summary of errors is what a reader meets first after a refused form.
  function focusSummary(within) {
    var summary = within.querySelector("[data-focus]");
    if (summary) summary.focus();
  }
  focusSummary(document);
  document.addEventListener("htmx:afterSwap", function (event) {
    focusSummary(event.detail.elt);
  });

  // A link of the summary leads to the control, not just to its place.
  document.addEventListener("click", function (event) {
    var link = event.target.closest && event.target.closest('.ry-note a[href^="#f-"]');
    if (!link) return;
    var control = document.getElementById(link.getAttribute("href").slice(1));
    if (control) {
      event.preventDefault();
      control.scrollIntoView({ block: "center" });
      control.focus({ preventScroll: true });
    }
  });

  // A form is sent once: a second click on its button does nothing until the answer is there.
  document.addEventListener("submit", function (event) {
    var form = event.target;
    if (form.method !== "post" || event.defaultPrevented) return;
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "1";
    setTimeout(function () { delete form.dataset.sent; }, 8000);
  });
  window.addEventListener("pageshow", function () {
    document.querySelectorAll("form[data-sent]").forEach(function (form) { delete form.dataset.sent; });
  });

  // Theme: at once, and kept by the server's cookie.
  document.addEventListener("submit", function (event) {
    if (!event.target.matches("[data-theme-form]") || !event.submitter) return;
    event.preventDefault();
    var value = event.submitter.value;
    var form = event.target;
    delete form.dataset.sent;
    if (value === "auto") root.removeAttribute("data-bs-theme");
    else root.setAttribute("data-bs-theme", value);
    form.querySelectorAll("button").forEach(function (button) {
      if (button.value === value) button.setAttribute("aria-pressed", "true");
      else button.removeAttribute("aria-pressed");
    });
    var body = new URLSearchParams({ theme: value, next: "/" });
    fetch(form.action, { method: "POST", body: body, redirect: "manual", credentials: "same-origin" });
  });

  // Menus close on Escape and when the reader goes elsewhere.
  document.addEventListener("keydown", function (event) {
    if (event.key !== "Escape") return;
    document.querySelectorAll("details.ry-menu[open]").forEach(function (menu) {
      menu.removeAttribute("open");
      menu.querySelector("summary").focus();
    });
  });
  document.addEventListener("click", function (event) {
    document.querySelectorAll("details.ry-menu[open]").forEach(function (menu) {
      if (!menu.contains(event.target)) menu.removeAttribute("open");
    });
  });

  // Drafts: what is typed is kept in this browser until the form is accepted. Passwords and files are not.
  function draftKey(form) {
    return "draft:" + location.pathname + ":" + (form.dataset.autosave || "");
  }
  function snapshot(form) {
    var kept = [];
    Array.prototype.forEach.call(form.elements, function (control) {
      if (!control.name || control.name === "_key" || control.name === "csrf_token") return;
      if (/^(password|file|hidden|submit|button)$/.test(control.type)) return;
      if (/^(checkbox|radio)$/.test(control.type) && !control.checked) return;
      kept.push([control.name, control.value]);
    });
    return kept;
  }
  function restore(form, kept) {
    var byName = {};
    kept.forEach(function (pair) { (byName[pair[0]] = byName[pair[0]] || []).push(pair[1]); });
    Array.prototype.forEach.call(form.elements, function (control) {
      if (!control.name || /^(password|file|hidden|submit|button)$/.test(control.type)) return;
      if (/^(checkbox|radio)$/.test(control.type)) {
        control.checked = (byName[control.name] || []).indexOf(control.value) >= 0;
      } else if (byName[control.name]) {
        control.value = byName[control.name].shift();
      }
    });
  }
  document.querySelectorAll("form[data-autosave]").forEach(function (form) {
    var status = document.querySelector("[data-autosave-status]");
    var offer = document.querySelector("[data-autosave-offer]");
    var key = draftKey(form);
    var timer = null;
    var started = JSON.stringify(snapshot(form));
    try {
      var old = localStorage.getItem(key);
      if (old && old !== started && offer && !document.querySelector("[data-focus]")) {
        offer.hidden = false;
        offer.querySelector("[data-take]").addEventListener("click", function () {
          restore(form, JSON.parse(old));
          offer.hidden = true;
        });
        offer.querySelector("[data-drop-draft]").addEventListener("click", function () {
          localStorage.removeItem(key);
          offer.hidden = true;
        });
      }
    } catch (refused) { return; }
    function save() {
      try {
        localStorage.setItem(key, JSON.stringify(snapshot(form)));
      } catch (refused) { return; }
      if (!status) return;
      var now = new Date();
      var clock = ("0" + now.getHours()).slice(-2) + ":" + ("0" + now.getMinutes()).slice(-2);
      status.hidden = false;
      status.querySelector("[data-time]").textContent = clock;
    }
    form.addEventListener("input", function () {
      clearTimeout(timer);
      timer = setTimeout(save, 800);
    });
    form.addEventListener("submit", function () {
      clearTimeout(timer);
      try { localStorage.removeItem(key); } catch (refused) { /* private browsing: nothing was kept */ }
    });
  });

  // File drop: a file dropped on the area lands in the real input; names and sizes are shown.
  function size(octets) {
    return octets < 1e6 ? Math.max(1, Math.round(octets / 1000)) + " kB" : (octets / 1e6).toFixed(1) + " MB";
  }
  document.querySelectorAll("[data-drop]").forEach(function (area) {
    var input = area.querySelector('input[type="file"]');
    var list = document.createElement("ul");
    list.className = "ry-drop__list";
    list.setAttribute("aria-live", "polite");
    area.appendChild(list);
    function show() {
      list.textContent = "";
      Array.prototype.forEach.call(input.files, function (file) {
        var item = document.createElement("li");
        item.textContent = file.name + "  " + size(file.size);
        list.appendChild(item);
      });
    }
    input.addEventListener("change", show);
    ["dragenter", "dragover"].forEach(function (name) {
      area.addEventListener(name, function (event) {
        event.preventDefault();
        area.classList.add("is-over");
      });
    });
    ["dragleave", "drop"].forEach(function (name) {
      area.addEventListener(name, function (event) {
        event.preventDefault();
        area.classList.remove("is-over");
      });
    });
    area.addEventListener("drop", function (event) {
      if (event.dataTransfer && event.dataTransfer.files.length) {
        input.files = event.dataTransfer.files;
        show();
      }
    });
  });

  // Uploads: the bar beside the button fills while a form with files is sent (where the page has one).
  document.querySelectorAll("form[data-progress]").forEach(function (form) {
    var bar = form.querySelector("progress");
    if (!bar || !window.XMLHttpRequest) return;
    form.addEventListener("submit", function (event) {
      var chosen = Array.prototype.some.call(form.querySelectorAll('input[type="file"]'), function (input) {
        return input.files.length;
      });
      if (!chosen) return;
      event.preventDefault();
      if (form.dataset.sent) return;
      form.dataset.sent = "1";
      var data = new FormData(form);
      if (event.submitter && event.submitter.name) data.append(event.submitter.name, event.submitter.value);
      var request = new XMLHttpRequest();
      bar.hidden = false;
      request.upload.addEventListener("progress", function (step) {
        if (step.lengthComputable) bar.value = step.loaded / step.total;
      });
      request.addEventListener("load", function () {
        // The address comes in a header: a redirect followed here would use up what the next page has to say.
        var target = request.getResponseHeader("HX-Redirect") || (request.status < 400 && request.responseURL);
        if (target) {
          location.assign(target);
        } else {
          document.open();
          document.write(request.responseText);
          document.close();
        }
      });
      request.addEventListener("error", function () {
        bar.hidden = true;
        delete form.dataset.sent;
        form.submit();
      });
      request.open("POST", form.action);
      request.setRequestHeader("HX-Request", "true");
      request.send(data);
    });
  });
})();
