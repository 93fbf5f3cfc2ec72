import { expect, test } from 'vitest'
import {
  capabilitiesOf,
  cureFor,
  lacksRights,
  RIGHTS,
  type Standing,
} from '../../lib/lab/rights.ts'

const DOCKER = capabilitiesOf('Name:\tnode\nCapEff:\t00000000a80425fb\nCapBnd:\t00000000a80425fb\n')
const ALL = capabilitiesOf('CapEff:\t000001ffffffffff\n')
const standing = (more: Partial<Standing>): Standing => {
  return { isRoot: true, isReal: true, has: ALL, ...more }
}

const CONTAINER =
  'needs rights that root does not have here (in a container: --privileged, or --cap-add SYS_ADMIN --cap-add NET_ADMIN --cap-add NET_RAW)'

test('capabilitiesOf reads the effective ones', () => {
  expect(RIGHTS.capture.every(DOCKER)).toBe(true)
  expect(RIGHTS.tracing.some(DOCKER)).toBe(false)
  expect(RIGHTS.all.every(ALL)).toBe(true)
  expect(RIGHTS.all.some(capabilitiesOf('CapEff:\t0000000000000000\n'))).toBe(false)
})

test('lacksRights finds nothing missing for root with its capabilities', () => {
  for (const rights of Object.values(RIGHTS))
    expect(lacksRights(rights, standing({}))).toBeUndefined()
  expect(lacksRights(RIGHTS.capture, standing({ has: DOCKER }))).toBeUndefined()
})

test('lacksRights names sudo to everybody but root, and to root what a container needs', () => {
  const nobody = standing({ isRoot: false, has: () => false })
  expect(lacksRights(RIGHTS.capture, nobody)).toBe('needs root (sudo)')
  expect(lacksRights(RIGHTS.namespaces, standing({ has: DOCKER }))).toBe(CONTAINER)
  expect(lacksRights(RIGHTS.capture, standing({ has: () => false }))).toBe(CONTAINER)
  expect(lacksRights(RIGHTS.capture, standing({ isReal: false }))).toBe(
    'needs the root of this machine: this one is root of a user namespace only',
  )
})

test('cureFor has words also where the capabilities are there, and something else refuses', () => {
  expect(cureFor(RIGHTS.tracing, standing({}))).toBe(CONTAINER)
})
