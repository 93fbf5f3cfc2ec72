import { inject } from 'vitest'

/** Where tests start the kit's commands: its folder, or in quick runs a copy that is compiled already. */
export const KIT = inject('kit')
