// Runs layers on one array and writes down what happens at its edge (not for synthesis).
//
// layers.hex: for each layer a line of steps, spatial rows, spatial columns, groups (16 bits each), trim, seed of holds
//   (0: none; 16 bits each), its first line in rows.hex and cols.hex, and the number of its lines (32 bits each).
// rows.hex, cols.hex: for each array cycle a line with the words on the ports, port 0 at the right; x where there is none.
// log.txt: `layer N`; then for each array cycle with an event `cycle row_take col_take out_valid out_add out_words`, in
//   hexadecimal but for the cycle; then `end CYCLE`, the first array cycle in which the controller is idle.
module testbench;
    parameter STATIONARY = 0;
    parameter OVERLAP = 0;
    parameter BUS = 0;
    parameter ROWS = 1;
    parameter COLS = 1;
    parameter LAYERS = 1;
    parameter CYCLES = 1;
    localparam WORD = 8, SUM = 32, SIZE = 16;
    localparam EXTRA = 1000;  // cycles that a layer may be late before it is given up

    reg clk, en, rst;
    reg [6*16+2*32-1:0] layers [0:LAYERS-1];
    reg [ROWS*WORD-1:0] rows [0:CYCLES-1];
    reg [COLS*WORD-1:0] cols [0:CYCLES-1];
    reg [SIZE-1:0] steps, spatial_rows, spatial_cols, groups, trim, holds;
    reg [31:0] first, cycles, cycle;
    reg [ROWS*WORD-1:0] row_word;
    reg [COLS*WORD-1:0] col_word;
    wire [ROWS-1:0] row_take;
    wire [COLS-1:0] col_take, out_valid, out_add;
    wire [COLS*SUM-1:0] out_word;
    wire busy;
    integer layer, log, seed;

    generate
        if (STATIONARY) begin : ws
            systolic_ws #(
                .ROWS(ROWS), .COLS(COLS), .OVERLAP(OVERLAP), .WORD(WORD), .SUM(SUM), .SIZE(SIZE)
            ) dut (
                .clk(clk), .en(en), .rst(rst), .trim(trim[0]), .steps(steps),
                .spatial_rows(spatial_rows), .spatial_cols(spatial_cols), .groups(groups),
                .row_word(row_word), .row_take(row_take), .col_word(col_word), .col_take(col_take),
                .out_word(out_word), .out_valid(out_valid), .out_add(out_add), .busy(busy)
            );
        end else begin : os
            systolic_os #(
                .ROWS(ROWS), .COLS(COLS), .OVERLAP(OVERLAP), .BUS(BUS), .WORD(WORD), .SUM(SUM), .SIZE(SIZE)
            ) dut (
                .clk(clk), .en(en), .rst(rst), .trim(trim[0]), .steps(steps),
                .spatial_rows(spatial_rows), .spatial_cols(spatial_cols), .groups(groups),
                .row_word(row_word), .row_take(row_take), .col_word(col_word), .col_take(col_take),
                .out_word(out_word), .out_valid(out_valid), .out_add(out_add), .busy(busy)
            );
        end
    endgenerate

    // Inputs change after the falling edge; the ports are read before the rising one.
    task tick;
        begin
            #1 clk = 1'b1;
            #5 clk = 1'b0;
        end
    endtask

    initial begin
        $readmemh("layers.hex", layers);
        $readmemh("rows.hex", rows);
        $readmemh("cols.hex", cols);
        log = $fopen("log.txt");
        clk = 1'b0;
        for (layer = 0; layer < LAYERS; layer = layer + 1) begin
            {steps, spatial_rows, spatial_cols, groups, trim, holds, first, cycles} = layers[layer];
            $fwrite(log, "layer %0d\n", layer);
            seed = holds;
            cycle = 0;
            rst = 1'b1;
            en = 1'b0;
            #4 tick;
            rst = 1'b0;
            #1;
            while (busy !== 1'b0 && cycle < cycles + EXTRA) begin
                en = holds == 0 || $random(seed) % 4 != 0;  // in a held cycle the ports carry anything
                row_word = en && cycle < cycles ? rows[first+cycle] : {ROWS*WORD{1'bx}};
                col_word = en && cycle < cycles ? cols[first+cycle] : {COLS*WORD{1'bx}};
                #3;
                if (en) begin
                    if (|{row_take, col_take, out_valid} !== 1'b0)
                        $fwrite(log, "%0d %h %h %h %h %h\n", cycle, row_take, col_take, out_valid, out_add, out_word);
                    cycle = cycle + 1;
                end
                tick;
                #1;
            end
            $fwrite(log, "end %0d\n", cycle);
        end
        $fclose(log);
        $finish(0);
    end
endmodule
