import { stripVTControlCharacters } from 'node:util'
import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { entriesOf, loadChapters } from '#lib/catalogue/index.ts'
import { renderPicker } from '#lib/cli/pick.ts'
import { renderList } from '#lib/cli/render-list.ts'
import { wantsColor } from '#lib/cli/terminal.ts'
import { readTcpTable } from '#lib/kernel/tcp-table.ts'
import { spread, withSome } from '../support/slow.ts'
import { hasTerminal, kitProcesses, processesWith, startCommand, Terminal } from './terminal.ts'

const chapters = await loadChapters()
const entries = entriesOf(chapters)
const [ENTER, ESC, CTRL_C, DOWN, UP] = ['\r', '\u001b', '\u0003', '\u001b[B', '\u001b[A']
const SHOW_CURSOR = '\u001b[?25h'

const widthOf = (line: string): number => stripVTControlCharacters(line).length

describe('renderPicker', () => {
  const views = fc.record({
    focus: fc.nat({ max: entries.length - 1 }),
    columns: fc.integer({ min: 48, max: 160 }),
    lines: fc.integer({ min: 5, max: 60 }),
    color: fc.boolean(),
    allLanes: fc.boolean(),
  })

  test('fits into the terminal, and shows the example in focus with its whole sentence', () => {
    fc.assert(
      fc.property(views, ({ focus, ...view }) => {
        const { id, example } = entries[focus]!
        const text = renderPicker({ ...view, entries, focused: id, typed: '', question: 'Which?' })
        const lines = text.split('\n')
        expect(lines.length).toBeLessThanOrEqual(view.lines + 4)
        for (const line of lines) expect(widthOf(line), line).toBeLessThanOrEqual(view.columns)
        const plain = renderPicker({
          ...view,
          entries,
          focused: id,
          typed: '',
          question: 'Which?',
          color: false,
        })
        const words = plain.slice(plain.indexOf('❯')).replaceAll(/\s+/g, ' ')
        expect(words.startsWith(`❯ ${id} ${example.shows} `)).toBe(true)
      }),
      { numRuns: 60 },
    )
  })

  test('shows each of the other examples on one line, and says where its sentence is cut', () => {
    fc.assert(
      fc.property(views, ({ focus, ...view }) => {
        const text = renderPicker({
          ...view,
          entries,
          focused: entries[focus]!.id,
          typed: '',
          question: 'Which?',
          color: false,
        })
        const lines = text.split('\n')
        for (const { id, example } of entries.toSpliced(focus, 1)) {
          const line = lines.find(line => line.startsWith(`  ${id} `))
          const shown = line?.slice(id.length + 2).trim() ?? ''
          if (shown !== example.shows) {
            expect(`${example.shows} `).toContain(shown.replace(/…$/, ''))
            expect(line === undefined || shown.endsWith(' …')).toBe(true)
          }
        }
      }),
      { numRuns: 60 },
    )
  })

  test('says so when nothing fits', () => {
    const view = { columns: 80, lines: 9, color: false, question: 'Which?', focused: undefined }
    expect(renderPicker({ ...view, allLanes: false, entries: [], typed: 'zzz' })).toBe(
      'Which? zzz█\n\nno example has "zzz" in it\n\n' +
        '↑↓ choose   Enter run   Tab 4 levels: off   Esc leave',
    )
    expect(renderPicker({ ...view, allLanes: true, entries: [], typed: 'zzz' })).toContain(
      'Tab 4 levels: on ',
    )
  })
})

test('renderList fits every width, and colours only when asked', () => {
  fc.assert(
    fc.property(fc.integer({ min: 48, max: 200 }), columns => {
      const list = renderList(chapters, columns, false)
      for (const line of list.split('\n')) expect(line.length).toBeLessThanOrEqual(columns)
      expect(list).not.toContain('\u001b')
    }),
  )
  expect(renderList(chapters, 80, true)).toContain('\u001b[36m02/echo')
})

test.each<[NodeJS.ProcessEnv, boolean, boolean]>([
  [{}, true, true],
  [{}, false, false],
  [{ TERM: 'dumb' }, true, false],
  [{ CI: '1' }, false, false],
  [{ NO_COLOR: '1' }, true, false],
  [{ NO_COLOR: '' }, true, true],
  [{ FORCE_COLOR: '1' }, false, true],
  [{ FORCE_COLOR: '' }, false, true],
  [{ FORCE_COLOR: '0' }, true, false],
  [{ FORCE_COLOR: 'false' }, true, false],
  [{ FORCE_COLOR: '1', NO_COLOR: '1' }, true, false],
])('wantsColor of %j, terminal %s: %s', (env, isTerminal, wanted) => {
  expect(wantsColor(env, isTerminal)).toBe(wanted)
})

/** Runs `npm start` in a terminal, and whatever it does, leaves nothing running. */
async function inTerminal(
  args: readonly string[],
  use: (terminal: Terminal) => Promise<void>,
  options: ConstructorParameters<typeof Terminal>[1] = {},
): Promise<void> {
  const terminal = new Terminal(startCommand(args), options)
  try {
    await use(terminal)
  } finally {
    terminal.kill()
    await terminal.ended
  }
}

/** Nothing that was started lives, and nobody listens on the example's port. */
function expectNothingLeft(terminal: Terminal): void {
  expect(processesWith(terminal.mark)).toEqual([])
  const ports = [...terminal.text.matchAll(/listening 127\.0\.0\.1:(\d+)/g)].map(([, p]) =>
    Number(p),
  )
  const listeners = readTcpTable().filter(
    ({ state, localPort }) => state === 'LISTEN' && ports.includes(localPort),
  )
  expect(listeners).toEqual([])
}

describe.skipIf(!hasTerminal)(
  'npm start in a terminal (needs python3 and its pty module)',
  { concurrent: true },
  () => {
    test('shows every chapter with its examples and their sentences', () =>
      inTerminal(
        [],
        async terminal => {
          await terminal.shows('Esc leave')
          expect(terminal.text).toContain('New here? Press Enter.')
          for (const { id, title } of chapters) expect(terminal.text).toContain(`${id} ${title}\n`)
          for (const { id, example } of entries) {
            expect(terminal.text).toMatch(new RegExp(`[❯ ] ${id} +`))
            expect(terminal.text).toContain(`  ${example.shows}\n`)
          }
          expect(terminal.text).toContain(`❯ ${entries[0]?.id} `)
        },
        { columns: 130, rows: entries.length + chapters.length + 10 },
      ))

    test('runs the example that was chosen, offers the next one, and Esc leaves with exit code 0', () =>
      inTerminal([], async terminal => {
        await terminal.shows('Esc leave')
        terminal.type('half-close')
        await terminal.shows('❯ 02/echo')
        terminal.type(ENTER)
        await terminal.shows('The same by hand')
        expect(terminal.text).toMatch(/ › closed 127\.0\.0\.1:\d+ 6 bytes\n/)
        await terminal.shows('❯ 02/echo-naive')
        await terminal.shows('What next?')
        terminal.type(ESC)
        expect(await terminal.ended).toBe(0)
        expect(terminal.raw).toContain(SHOW_CURSOR)
        expectNothingLeft(terminal)
      }))

    test.runIf(withSome)('moves with the arrow keys', () =>
      inTerminal([], async terminal => {
        await terminal.shows(`❯ ${entries[0]!.id}`)
        terminal.type(DOWN)
        await terminal.shows(`❯ ${entries[1]!.id}`)
        terminal.type(DOWN)
        await terminal.shows(`❯ ${entries[2]!.id}`)
        const before = terminal.text.length
        terminal.type(UP)
        await terminal.shows(`❯ ${entries[1]!.id}`, before)
        terminal.type(ENTER)
        await terminal.shows(`\n${entries[1]!.id}  ${entries[1]!.example.shows}`)
        await terminal.shows('What next?')
        terminal.type(CTRL_C)
        expect(await terminal.ended).toBe(0)
        expectNothingLeft(terminal)
      }),
    )

    test.runIf(withSome)('runs nothing where nothing fits, and lets the reader correct it', () =>
      inTerminal([], async terminal => {
        await terminal.shows('Esc leave')
        terminal.type('zzz')
        await terminal.shows('no example has "zzz" in it')
        terminal.type(`${ENTER}\u007f\u007f\u007fin-fl`)
        await terminal.shows('❯ 02/in-flight')
        terminal.type(ESC)
        expect(await terminal.ended).toBe(0)
        expect(terminal.text).not.toContain('listening')
      }),
    )

    test('runs the named example at once, and does not ask', () =>
      inTerminal(['02'], async terminal => {
        expect(await terminal.ended).toBe(0)
        expect(terminal.text).toContain('npm run 02:client -- --message hello')
        expect(terminal.text).not.toContain('Esc leave')
        expect(terminal.raw).toContain('\u001b[36mlistening')
        expect(terminal.raw).toContain('\u001b[35mconnect')
      }))

    test.each([
      ['NO_COLOR', { NO_COLOR: '1' }],
      ['a terminal without colours', { TERM: 'dumb' }],
    ])('respects %s', (_what, env) =>
      inTerminal(
        [],
        async terminal => {
          await terminal.shows('Esc leave')
          terminal.type(`02/echo${ENTER}`)
          await terminal.shows('What next?')
          terminal.type(ESC)
          expect(await terminal.ended).toBe(0)
          // Movements of the cursor end in other letters than m.
          expect(terminal.raw.includes('\u001b[36m')).toBe(false)
          expect(terminal.raw.split('\u001b[').filter(part => /^[\d;]*m/.test(part))).toEqual([])
        },
        { env },
      ),
    )

    test.each(spread([60, 80, 100], 1, 1))('fits into %i columns', columns =>
      inTerminal(
        ['01/errors'],
        async terminal => {
          expect(await terminal.ended).toBe(0)
          const lines = terminal.text.split('\n')
          for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(columns)
        },
        { columns },
      ),
    )

    test('of unknown size writes for 100 columns', () =>
      inTerminal(
        ['--list'],
        async terminal => {
          expect(await terminal.ended).toBe(0)
          expect(terminal.text.trimEnd()).toBe(renderList(chapters, 100, false))
        },
        { columns: 0, rows: 0 },
      ))
  },
)

/** Pseudo-random numbers that are the same in every run. */
const SEED = Number(process.env.KIT_SEED ?? 20_260_101)
const lines = (id: string, most: number, count: number) =>
  fc
    .sample(fc.integer({ min: 1, max: most }), { seed: SEED, numRuns: count })
    .map(line => ({ id, line }))

describe.skipIf(!hasTerminal)(
  'Ctrl-C leaves no process and no port (needs python3, pty)',
  { concurrent: true },
  () => {
    const eventLines = (terminal: Terminal) => terminal.text.match(/^ *\d+\.\d {2}/gm)?.length ?? 0

    test('in the picker', () =>
      inTerminal([], async terminal => {
        await terminal.shows('Esc leave')
        terminal.type(CTRL_C)
        expect(await terminal.ended).toBe(0)
        expect(terminal.raw).toContain(SHOW_CURSOR)
        expectNothingLeft(terminal)
      }))

    // The table of processes tells when a program exists; no event does so from outside.
    test.each(spread([1, 2, 3], 1, 2))('as soon as process %i of 3 exists', async count => {
      // Where the machine has other things to do, a run may be over before we look.
      for (let attempt = 0, code = 0; code !== 130; attempt++) {
        expect(attempt).toBeLessThan(10)
        await inTerminal(['01/accept-queue'], async terminal => {
          let isOver = false
          void terminal.ended.then(() => {
            isOver = true
          })
          await vi.waitFor(
            () => expect(isOver || kitProcesses(terminal.mark).length >= count).toBe(true),
            { timeout: 60_000, interval: 5 },
          )
          if (!isOver) terminal.type(CTRL_C)
          code = await terminal.ended
          expectNothingLeft(terminal)
        })
      }
    })

    const moments = [
      ...lines('01/accept-queue', 6, 2),
      ...lines('02/echo', 12, 3),
      ...lines('02/chat', 20, 2),
      ...lines('02/graceful', 20, 2),
      ...lines('01/unix', 8, 1),
    ]
    test.each(spread(moments, 1, 3))(
      `of $id after $line lines of its timeline (seed ${SEED})`,
      ({ id, line }) =>
        inTerminal([id], async terminal => {
          await terminal.waitFor(() => eventLines(terminal) >= line, `${line} lines`)
          terminal.type(CTRL_C)
          // 0 where the example was over before the key arrived.
          expect(id === '01/accept-queue' ? [130] : [0, 130]).toContain(await terminal.ended)
          expectNothingLeft(terminal)
          expect(terminal.text).not.toMatch(/^ +at /m)
        }),
    )

    test.runIf(withSome)('twice in a row, while the server blocks its loop', async () => {
      for (let attempt = 0, code = 0; code !== 130; attempt++) {
        expect(attempt).toBeLessThan(10)
        await inTerminal(['01/accept-queue'], async terminal => {
          await terminal.shows('› blocked 3000 ms')
          terminal.type(CTRL_C)
          const inTime = await terminal.shows('^C').then(
            () => true,
            () => false,
          )
          if (inTime) terminal.type(CTRL_C)
          code = await terminal.ended
          expect(code).toBe(inTime ? 130 : 0)
          if (inTime) expect(terminal.text).toContain('stopped; both programs have ended')
          expectNothingLeft(terminal)
        })
      }
    })

    test.runIf(withSome)('of an example that was chosen in the picker', () =>
      inTerminal([], async terminal => {
        await terminal.shows('Esc leave')
        terminal.type(`accept-queue${ENTER}`)
        await terminal.shows('› blocked 3000 ms')
        terminal.type(CTRL_C)
        expect(await terminal.ended).toBe(130)
        expectNothingLeft(terminal)
      }),
    )
  },
)
