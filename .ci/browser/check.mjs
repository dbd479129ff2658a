// Opens every page of the built book in a browser, without a network, as a phone and as a desktop, light and dark:
//   node check.mjs BOOK [PDF]
// It says what a reader would stumble over: errors, missing pictures, pages that scroll sideways, poor contrast,
// headings out of order. Then it prints each card, which must fit on one sheet, and the whole book to PDF.
import axe from 'axe-core'
import { existsSync } from 'node:fs'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { extname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { chromium } from 'playwright-core'

const BROWSERS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome', '/opt/google/chrome/chrome']
const TYPES = { '.html': 'text/html', '.css': 'text/css', '.js': 'text/javascript', '.svg': 'image/svg+xml', '.woff2': 'font/woff2' }
const SIZES = {
  phone: { width: 375, height: 740 },
  desktop: { width: 1280, height: 900 },
  paper: { width: 700, height: 1000 }, // A4 without its margins
}
const TABS = 2
// These pages are made for other eyes: a table of contents for browsers without scripts, and the page for paper,
// whose parts are all looked at on their own.
const NO_AXE = ['toc.html', 'print.html']

const book = resolve(process.argv[2])
const problems = new Set()

const executablePath = process.env.CHROMIUM ?? BROWSERS.find(existsSync)
if (!executablePath) {
  console.error('error: cannot find a browser: install chromium, or set CHROMIUM')
  process.exit(2)
}

async function pagesOf(folder) {
  const entries = await readdir(folder, { recursive: true })
  return entries.filter((name) => name.endsWith('.html')).sort()
}

function serve() {
  const server = createServer(async (request, response) => {
    const path = decodeURIComponent(new URL(request.url, 'http://localhost').pathname)
    try {
      const body = await readFile(join(book, path.endsWith('/') ? path + 'index.html' : path))
      response.writeHead(200, { 'content-type': TYPES[extname(path)] ?? 'application/octet-stream' }).end(body)
    } catch {
      // Every browser asks for an icon, and some pages name none.
      response.writeHead(path === '/favicon.ico' ? 204 : 404).end()
    }
  })
  return new Promise((done) => server.listen(0, '127.0.0.1', () => done(server)))
}

/** A tab that writes down what goes wrong in it. */
async function openTab(context, about) {
  const tab = await context.newPage()
  // print.html opens the browser's print dialogue by itself, which would be in the way of our own printing.
  await tab.addInitScript(() => (window.print = () => {}))
  const note = (what) => problems.add(`${about.page}: ${what}`)
  tab.on('console', (message) => message.type() === 'error' && note(`console: ${message.text()}`))
  tab.on('pageerror', (error) => note(`script: ${error.message}`))
  // A style sheet that is switched off while it comes is no fault; a file that is missing says so differently.
  tab.on('requestfailed', (request) => {
    const why = request.failure()?.errorText
    if (why !== 'net::ERR_ABORTED') note(`failed: ${request.url()} ${why}`)
  })
  tab.on('request', (request) => {
    const { protocol, hostname } = new URL(request.url())
    if (protocol.startsWith('http') && hostname !== '127.0.0.1') note(`asks the network: ${request.url()}`)
  })
  return tab
}

/** What can be seen to be wrong with the page as it stands. */
const lookForFaults = () => {
  const faults = []
  const page = document.scrollingElement
  if (page.scrollWidth > page.clientWidth) {
    const wide = [...document.querySelectorAll('main *')].filter((element) => {
      const clipped = element.closest('pre, .table-wrapper')
      return (!clipped || clipped === element) && element.getBoundingClientRect().right > page.clientWidth + 1
    })
    const names = wide.slice(0, 3).map((element) => `<${element.localName}> ${element.textContent.trim().slice(0, 40)}`)
    faults.push(`scrolls sideways by ${page.scrollWidth - page.clientWidth} pixels: ${names.join('; ')}`)
  }
  for (const image of document.images) {
    if (!image.complete || image.naturalWidth === 0) faults.push(`picture missing: ${image.src}`)
    if (!image.hasAttribute('alt')) faults.push(`picture without text: ${image.src}`)
  }
  return faults
}

/** Axe's findings, in one line each. In the dark, only colours are another matter. */
async function axeFaults(tab, colorScheme) {
  const options = { resultTypes: ['violations'], preload: false }
  if (colorScheme === 'dark') options.runOnly = { type: 'rule', values: ['color-contrast', 'link-in-text-block'] }
  const found = await tab.evaluate((options) => axe.run(document, options), options)
  return found.violations.map((rule) => {
    const places = rule.nodes.slice(0, 3).map((node) => `${node.target} ${node.any[0]?.message ?? ''}`.trim())
    return `axe ${rule.id}: ${rule.help}: ${places.join(' | ')}${rule.nodes.length > 3 ? ` and ${rule.nodes.length - 3} more` : ''}`
  })
}

/** What would be cut off on paper. */
async function paperFaults(tab) {
  await show(tab, SIZES.paper, { media: 'print', colorScheme: 'light' })
  return tab.evaluate(() => {
    const wide = [...document.querySelectorAll('main table, main pre, main pre > code, main svg, main img')]
    return wide
      .filter((part) => part.scrollWidth > part.clientWidth + 1 || part.getBoundingClientRect().right > innerWidth + 1)
      .map((part) => `cut off on paper: <${part.localName}> ${part.textContent.trim().slice(0, 50)}`)
  })
}

/** Opens a page, with all that is folded, and looks at it in each size and colour. */
async function look(tab, about, url, name) {
  about.page = name
  await tab.emulateMedia({ media: 'screen', colorScheme: 'light' })
  await tab.goto(url + name, { waitUntil: 'load' })
  await tab.evaluate(() => document.querySelectorAll('details').forEach((fold) => (fold.open = true)))
  for (const size of ['phone', 'desktop']) {
    await show(tab, SIZES[size], { media: 'screen', colorScheme: 'light' })
    for (const fault of await lasting(() => tab.evaluate(lookForFaults))) problems.add(`${name} (${size}): ${fault}`)
  }
  if (NO_AXE.includes(name)) return
  for (const fault of await lasting(() => paperFaults(tab))) problems.add(`${name}: ${fault}`)
  await tab.evaluate(axe.source)
  for (const colorScheme of ['light', 'dark']) {
    await show(tab, SIZES.desktop, { media: 'screen', colorScheme })
    for (const fault of await lasting(() => axeFaults(tab, colorScheme))) problems.add(`${name} (${colorScheme}): ${fault}`)
  }
}

/** Gives a page a size and a medium or colour, and waits until it has taken them. */
async function show(tab, viewport, media) {
  await tab.setViewportSize(viewport)
  await tab.emulateMedia(media)
  const query = media.media === 'print' ? 'print' : `screen and (prefers-color-scheme: ${media.colorScheme})`
  await tab.waitForFunction(([width, query]) => innerWidth === width && matchMedia(query).matches, [viewport.width, query])
  // Two frames later, what follows the size or the colour has followed it.
  await tab.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))))
}

/** Faults that are there at a fourth look too: on a busy machine, a page may be slow to follow its size. */
async function lasting(lookOnce) {
  let faults = await lookOnce()
  for (let again = 0; faults.length > 0 && again < 3; again++) {
    await new Promise((done) => setTimeout(done, 500))
    faults = await lookOnce()
  }
  return faults
}

/** Does `work` for every item, in as many tabs as there are. */
async function inTabs(context, items, work) {
  const left = [...items]
  const worker = async () => {
    const about = { page: '' }
    const tab = await openTab(context, about)
    for (let item = left.shift(); item; item = left.shift()) await work(tab, about, item)
    await tab.close()
  }
  await Promise.all(Array.from({ length: TABS }, worker))
}

const sheets = (pdf) => pdf.toString('latin1').match(/\/Type\s*\/Page\b/g)?.length ?? 0

async function printCards(tab, about, url, pages) {
  for (const name of pages.filter((page) => /^cards\/\d/.test(page))) {
    about.page = name
    await tab.goto(url + name, { waitUntil: 'load' })
    for (const format of ['A4', 'Letter']) {
      const count = sheets(await tab.pdf({ format }))
      if (count !== 1) problems.add(`${name}: needs ${count} sheets of ${format}, not one`)
    }
  }
}

async function printBook(tab, about, url, file) {
  about.page = 'print.html'
  await tab.goto(url + 'print.html', { waitUntil: 'load' })
  const footerTemplate = '<div style="width: 100%; text-align: center; font: 8px sans-serif"><span class="pageNumber"></span></div>'
  const pdf = await tab.pdf({
    format: 'A4',
    margin: { top: '12mm', bottom: '14mm', left: '12mm', right: '12mm' },
    displayHeaderFooter: true,
    headerTemplate: '<span></span>',
    footerTemplate,
    outline: true,
    tagged: true,
  })
  await writeFile(file, pdf)
  return `${sheets(pdf)} sheets in ${file}`
}

const pages = await pagesOf(book)
const server = await serve()
const url = `http://127.0.0.1:${server.address().port}/`
const browser = await chromium.launch({
  executablePath,
  args: ['--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1', '--no-first-run', '--disable-background-networking'],
})
try {
  const context = await browser.newContext({ reducedMotion: 'reduce' })
  await inTabs(context, pages, (tab, about, name) => look(tab, about, url, name))
  // From a stick, with a double click and without a server. (404.html is for servers.)
  const files = pages.filter((name) => name === 'index.html' || /(^|\/)08-/.test(name))
  await inTabs(context, files, (tab, about, name) => look(tab, about, `${pathToFileURL(book)}/`, name))
  const about = { page: '' }
  const tab = await openTab(context, about)
  await printCards(tab, about, url, pages)
  const printed = await printBook(tab, about, url, process.argv[3] ?? join(book, '..', 'book.pdf'))
  console.log(`${pages.length} pages, phone and desktop, light and dark, ${files.length} of them as files too; ${printed}`)
} finally {
  await browser.close()
  server.close()
}

for (const problem of problems) console.log(problem)
process.exit(problems.size > 0 ? 1 : 0)
