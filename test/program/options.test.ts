import { describe, expect, expectTypeOf, test } from 'vitest'
import { host, type Options, parseOptions, port } from '#lib/program/options.ts'

const usage = {
  command: 'npm run 02:server',
  does: 'Echo server.',
  flags: {
    host,
    port: port(7020),
    message: { default: '', help: 'send this line' },
    'busy-ms': { default: 2000, min: 10, help: 'how long to block' },
    loud: { default: false, help: 'say more' },
  },
} as const

const DEFAULTS = { host: '127.0.0.1', port: 7020, message: '', 'busy-ms': 2000, loud: false }
const SEE = '(see npm run 02:server -- --help)'

describe('parseOptions reads', () => {
  test.each<[string[], Partial<typeof DEFAULTS>]>([
    [[], {}],
    [['--port', '9'], { port: 9 }],
    [['--port=9'], { port: 9 }],
    [['--port', '0'], { port: 0 }],
    [['--port', '65535'], { port: 65535 }],
    [['--port', '007'], { port: 7 }],
    [['--port', '1', '--port', '2'], { port: 2 }],
    [['--message=a', '--message', 'b'], { message: 'b' }],
    [['--message', 'two words'], { message: 'two words' }],
    [['--message='], { message: '' }],
    [['--message', '漢字 "quoted"'], { message: '漢字 "quoted"' }],
    [['--message=--port'], { message: '--port' }],
    [['--message', '42'], { message: '42' }],
    [['--host', '::1'], { host: '::1' }],
    [['--loud'], { loud: true }],
    [['--loud', '--port', '5'], { loud: true, port: 5 }],
    [['--busy-ms', '10'], { 'busy-ms': 10 }],
    [['--'], {}],
    [['--port', '5', '--'], { port: 5 }],
  ])('%j', (args, changed) => {
    expect(parseOptions(usage, args)).toEqual({ options: { ...DEFAULTS, ...changed } })
  })
})

test('parseOptions asks the program whether the values go together', () => {
  const both = {
    ...usage,
    check: ({ 'busy-ms': ms, loud }: { 'busy-ms': number; loud: boolean }) =>
      loud && ms < 100 ? `--loud needs at least 100 ms, got ${ms}` : undefined,
  }
  expect(parseOptions(both, ['--loud'])).toEqual({ options: { ...DEFAULTS, loud: true } })
  expect(parseOptions(both, ['--loud', '--busy-ms', '10'])).toEqual({
    error: '--loud needs at least 100 ms, got 10',
  })
})

describe('parseOptions refuses, in one line that names the flag,', () => {
  const KNOWN = 'known are --host, --port, --message, --busy-ms, --loud'
  test.each<[string[], string]>([
    [['--nope'], `unknown flag --nope: ${KNOWN} ${SEE}`],
    [['--nope=3'], `unknown flag --nope: ${KNOWN} ${SEE}`],
    [['-p', '9'], `unknown flag -p: ${KNOWN} ${SEE}`],
    [['--no-loud'], `unknown flag --no-loud: ${KNOWN} ${SEE}`],
    [['--no-port'], `unknown flag --no-port: ${KNOWN} ${SEE}`],
    [['--__proto__'], `unknown flag --__proto__: ${KNOWN} ${SEE}`],
    [['--toString'], `unknown flag --toString: ${KNOWN} ${SEE}`],
    [['--Port', '9'], `unknown flag --Port: ${KNOWN} ${SEE}`],
    [['--port'], '--port needs a value: a whole number from 0 to 65535'],
    [['--port='], '--port needs a whole number from 0 to 65535, got ""'],
    [['--port', '-1'], '--port needs a whole number from 0 to 65535, got "-1"'],
    [['--port=-1'], '--port needs a whole number from 0 to 65535, got "-1"'],
    [['--port', '65536'], '--port needs a whole number from 0 to 65535, got "65536"'],
    [
      ['--port', '9'.repeat(30)],
      `--port needs a whole number from 0 to 65535, got "${'9'.repeat(30)}"`,
    ],
    [['--port', '80.5'], '--port needs a whole number from 0 to 65535, got "80.5"'],
    [['--port', '1e3'], '--port needs a whole number from 0 to 65535, got "1e3"'],
    [['--port', '0x50'], '--port needs a whole number from 0 to 65535, got "0x50"'],
    [['--port', ' 80'], '--port needs a whole number from 0 to 65535, got " 80"'],
    [['--port', '٣'], '--port needs a whole number from 0 to 65535, got "٣"'],
    [['--port', 'http'], '--port needs a whole number from 0 to 65535, got "http"'],
    [['--port', '5', '--port', 'x'], '--port needs a whole number from 0 to 65535, got "x"'],
    [['--port', 'x', '--port', '5'], '--port needs a whole number from 0 to 65535, got "x"'],
    [['--busy-ms', '9'], '--busy-ms needs a whole number of at least 10, got "9"'],
    [['--busy-ms'], '--busy-ms needs a value: a whole number of at least 10'],
    [['--message'], '--message needs a value: text'],
    [['--host='], '--host needs a value: text, not empty'],
    [['--host', ''], '--host needs a value: text, not empty'],
    [['--loud=yes'], '--loud takes no value, got "yes"'],
    [['9000'], `unexpected argument "9000": flags start with -- ${SEE}`],
    [['--loud', 'yes'], `unexpected argument "yes": flags start with -- ${SEE}`],
    [['--', '--', '--port', '9'], `unexpected argument "--port": flags start with -- ${SEE}`],
  ])('%j', (args, error) => {
    expect(parseOptions(usage, args)).toEqual({ error })
    expect(error).not.toContain('\n')
  })

  test('a text flag that is followed by another flag', () => {
    expect(parseOptions(usage, ['--message', '--loud'])).toEqual({
      error: '--message needs a value: text; if --loud is meant, write --message=--loud',
    })
    expect(parseOptions(usage, ['--port', '--loud'])).toEqual({
      error: '--port needs a whole number from 0 to 65535, got "--loud"',
    })
  })
})

test('parseOptions gives the help text for --help and -h, unless something before it is wrong', () => {
  const help = [
    'Echo server.',
    '',
    'usage: npm run 02:server -- [flags]',
    '  --host TEXT     address; 127.0.0.1 keeps the program on this machine (default 127.0.0.1)',
    '  --port N        TCP port (default 7020)',
    '  --message TEXT  send this line',
    '  --busy-ms N     how long to block (default 2000)',
    '  --loud          say more',
    '  --help          print this text',
  ].join('\n')
  expect(parseOptions(usage, ['--help'])).toEqual({ help })
  expect(parseOptions(usage, ['-h'])).toEqual({ help })
  expect(parseOptions(usage, ['--port', '5', '--help', '--nope'])).toEqual({ help })
  expect(parseOptions(usage, ['--nope', '--help'])).toHaveProperty('error')
})

test('parseOptions leaves the flags that it was given unchanged', () => {
  const before = structuredClone(usage)
  parseOptions(usage, ['--port', '5', '--loud'])
  expect(usage).toEqual(before)
})

test('Options has the type of each default', () => {
  expectTypeOf<Options<typeof usage.flags>>().toEqualTypeOf<{
    readonly host: string
    readonly port: number
    readonly message: string
    readonly 'busy-ms': number
    readonly loud: boolean
  }>()
})
