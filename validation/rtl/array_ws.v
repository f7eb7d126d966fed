// ROWS x COLS PEs, weight stationary (input stationary with the operands exchanged): row operands move east, stationary
// ones and partial sums south; the adder outputs of the last row are the output ports.
`define PE_PORTS \
    .clk(clk), .en(en), .rst(rst), \
    .a(a), .a_valid(a_valid), .first(first), .sh(sh), .sel(sel), \
    .load(col_load[c]), .swap(swap), .chain(chain), .chain_valid(chain_valid), \
    .chain_out(chain_out), .chain_valid_out(chain_valid_out), \
    .s(s), .s_valid(s_valid), .total(total), .total_valid(total_valid)
module array_ws #(
    parameter ROWS = 1,
    parameter COLS = 1,
    parameter OVERLAP = 0,  // 0 none, 1 db, 2 pipe1, 3 pipe, 4 pipe2
    parameter WORD = 8,
    parameter SUM = 32
) (
    input clk,
    input en,
    input rst,
    input flush,  // clear the valid bits of the row operands on their way east
    input [ROWS*WORD-1:0] row_word,
    input [ROWS-1:0] row_valid,
    input [ROWS-1:0] row_first,
    input [ROWS-1:0] row_sh,
    input [ROWS-1:0] row_sel,
    input [ROWS-1:0] row_add,  // the partial sums are to be added to stored ones
    input [COLS*WORD-1:0] col_word,
    input [COLS-1:0] col_valid,
    input [COLS-1:0] col_load,
    input swap,
    output [COLS*SUM-1:0] out_word,
    output [COLS-1:0] out_valid,
    output [COLS-1:0] out_add  // the result is to be added to a stored one
);
    genvar r, c;
    generate
        for (r = 0; r < ROWS; r = r + 1) begin : row
            for (c = 0; c < COLS; c = c + 1) begin : col
                // The wires between a PE and its western and northern neighbours, or the edge ports.
                wire [WORD-1:0] a, a_out, chain, chain_out;
                wire a_valid, first, sh, sel, add, a_valid_out, first_out, sh_out, sel_out, add_out;
                wire chain_valid, chain_valid_out, s_valid, s_valid_out, total_valid;
                wire [SUM-1:0] s, s_out, total;
                if (c == 0) begin : edge_port
                    assign a = row_word[r*WORD +: WORD];
                    assign a_valid = row_valid[r];
                    assign first = row_first[r];
                    assign sh = row_sh[r];
                    assign sel = row_sel[r];
                    assign add = row_add[r];
                end else begin : link
                    assign a = row[r].col[c-1].a_out;
                    assign a_valid = row[r].col[c-1].a_valid_out;
                    assign first = row[r].col[c-1].first_out;
                    assign sh = row[r].col[c-1].sh_out;
                    assign sel = row[r].col[c-1].sel_out;
                    assign add = row[r].col[c-1].add_out;
                end
                if (r == 0) begin : north_port
                    assign chain = col_word[c*WORD +: WORD];
                    assign chain_valid = col_valid[c];
                    assign s = {SUM{1'b0}};
                    assign s_valid = 1'b0;
                end else begin : north_link
                    assign chain = row[r-1].col[c].chain_out;
                    assign chain_valid = row[r-1].col[c].chain_valid_out;
                    assign s = row[r-1].col[c].s_out;
                    assign s_valid = row[r-1].col[c].s_valid_out;
                end
                hop #(.WIDTH(WORD), .BITS(5)) east (
                    .clk(clk), .en(en), .rst(rst),
                    .word(a), .bits({a_valid && !flush, first, sh, sel, add}),
                    .word_out(a_out), .bits_out({a_valid_out, first_out, sh_out, sel_out, add_out})
                );
                hop #(.WIDTH(SUM), .BITS(1)) south (
                    .clk(clk), .en(en), .rst(rst),
                    .word(total), .bits(total_valid), .word_out(s_out), .bits_out(s_valid_out)
                );
                if (OVERLAP == 0) begin : plain_kind
                    pe_ws #(.WORD(WORD), .SUM(SUM)) pe (`PE_PORTS);
                end else if (OVERLAP == 1 || OVERLAP == 4) begin : shadow_kind
                    pe_ws_shadow #(.WORD(WORD), .SUM(SUM)) pe (`PE_PORTS);
                end else begin : wave_kind
                    pe_ws_wave #(.WORD(WORD), .SUM(SUM), .TWO(OVERLAP == 3)) pe (`PE_PORTS);
                end
            end
        end
        for (c = 0; c < COLS; c = c + 1) begin : port
            assign out_valid[c] = row[ROWS-1].col[c].total_valid;
            assign out_word[c*SUM +: SUM] = row[ROWS-1].col[c].total & {SUM{out_valid[c]}};
            assign out_add[c] = row[ROWS-1].col[c].add & out_valid[c];
        end
    endgenerate
endmodule
`undef PE_PORTS
