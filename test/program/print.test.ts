import { expect } from 'vitest'
import { test } from '../support/kit.ts'

test('print waits for its reader, where console.log keeps all that was not read', async ({
  kit,
}) => {
  const most = async (say: string) => {
    const source = `
      import { print } from './lib/program/print.ts'
      let most = 0
      for (let n = 0; n < 5000; n++) {
        ${say}(n + ' ' + 'x'.repeat(1000))
        most = Math.max(most, process.stdout.writableLength)
      }
      console.error('most ' + most)`
    const args = ['--import', 'tsx', '--input-type=module', '-e', source]
    const { code, stdout, stderr } = await kit.program(process.execPath, args).ended
    expect(code).toBe(0)
    expect(stdout.split('\n').map(line => line.split(' ')[0])).toEqual([
      ...Array.from({ length: 5000 }, (_, n) => `${n}`),
      '',
    ])
    return Number(/^most (\d+)$/m.exec(stderr)?.[1])
  }
  expect(await most('await print')).toBeLessThan(100_000)
  expect(await most('console.log')).toBeGreaterThan(1_000_000)
})
