// Request and answer as package playground has them in Go.

export interface Request { pod: string; namespace: string; templates: string }
export interface Finding { file: string; line?: number; column?: number; severity: string; reason?: string; message: string; hint?: string }
export interface Step { instance?: string; yaml: string }
export interface Pod { title: string; outcome: string; reason: string; patch?: string; steps: Step[] }
export interface Answer { error?: string; findings?: Finding[]; pods?: Pod[]; diff?: string }
