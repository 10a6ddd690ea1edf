#!/usr/bin/env node
import { Restorer } from '../restorer';
import { runProcess } from './runProcess';

runProcess((options) => Restorer.create(options));
