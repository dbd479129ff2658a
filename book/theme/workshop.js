// What mdbook's own page lacks for people who use a keyboard or a screen reader.
'use strict';

(function () {
    // What shows the table of contents is a label, which a keyboard does not reach. A button takes its place, and
    // presses the label.
    const label = document.getElementById('mdbook-sidebar-toggle');
    const checkbox = document.getElementById('mdbook-sidebar-toggle-anchor');
    const button = document.createElement('button');
    button.type = 'button';
    button.className = label.className;
    button.title = label.title;
    button.append(...label.childNodes);
    const tell = () => {
        button.setAttribute('aria-label', button.title);
        button.setAttribute('aria-expanded', checkbox.checked);
    };
    button.addEventListener('click', () => label.click());
    checkbox.addEventListener('change', tell);
    tell();
    label.style.display = 'none';
    for (const name of label.getAttributeNames()) {
        if (name.startsWith('aria-')) label.removeAttribute(name);
    }
    label.before(button);

    // The bar at the top is a part of the page of its own.
    document.getElementById('mdbook-menu-bar').setAttribute('role', 'banner');

    // Code and tables that are too wide scroll; the arrow keys should scroll them too. Folded ones get a size when
    // they are opened, and letters may change theirs when the font has come.
    const wide = document.querySelectorAll('.content pre > code, .content .table-wrapper');
    const paper = window.matchMedia('print');
    const reach = (part) => {
        if (paper.matches) return; // Nothing scrolls on paper, and afterwards the screen is as it was.
        if (part.scrollWidth > part.clientWidth) {
            part.tabIndex = 0;
        } else {
            part.removeAttribute('tabindex');
        }
    };
    const sizes = new ResizeObserver((changes) => changes.forEach(({ target }) => reach(target)));
    wide.forEach((part) => sizes.observe(part));
    document.fonts.ready.then(() => wide.forEach(reach));
})();
